"""The language of templates: each construct that makers use, and what differs from it in one thing and reaches further.

What is let in is rendered, by the real Jinja in its sandbox, which here traps whatever the sandbox would not allow.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import TemplateError
from jinja2.runtime import Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from lockgate.register.jail import template_words as words
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.template_file import check_template

CASES = json.loads((Path(__file__).parents[2] / "support" / "template_cases.json").read_text("utf-8"))
GOOD: dict[str, str] = CASES["good"]
BAD: dict[str, str] = CASES["bad"]


@pytest.mark.parametrize("template", GOOD.values(), ids=GOOD)
def test_what_makers_of_models_write_is_let_in(template: str) -> None:
    """Keys of a loop, `_`, filters and names for a block, texts that are gathered in a namespace: no refusal."""
    assert check_template(template) > 0


@pytest.mark.parametrize("template", BAD.values(), ids=BAD)
def test_what_differs_in_one_thing_is_refused(template: str) -> None:
    """Another meaning for what is called, keys that the template made, growth by detours, blocks that do not end."""
    with pytest.raises(NotAllowed) as no:
        check_template(template)
    assert no.value.finding == "LG472"


class Trapped(ImmutableSandboxedEnvironment):
    """Fails the test for an attribute of Python's own, and for a call of anything that is not in the language."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """As the sandbox asks it: before an attribute is handed out."""
        assert not attr.startswith("_"), (obj, attr)
        assert attr not in words.NO_ATTRIBUTES, (obj, attr)
        return super().is_safe_attribute(obj, attr, value)

    def is_safe_callable(self, obj: Any) -> bool:
        """As the sandbox asks it: before a call."""
        known = obj in (dict, Namespace, _fails) or getattr(obj, "__name__", "") == "safe_range"
        assert known or isinstance(obj, Macro | Undefined) or getattr(obj, "__name__", "") in words.METHODS, obj
        return True


def _fails(why: str) -> None:
    raise TemplateError(str(why))


MESSAGES = [
    {"role": "user", "content": "a", "arguments": {"x": 1}},
    {"role": "tool", "content": ["b"], "arguments": {}},
]
_NAMES = ("messages", "m", "k", "d", "ns.a", "a", "loop", "range", "namespace", "f", "dict", "_")
_TEXTS = ("'x'", "'role'", "'_' ~ '_class_' ~ '_'", "'jo' ~ 'in'", "1", "loop.index0", "range(2)", "f(m)", "dict(a=m)")
_AFTER = (
    "",
    ".role",
    "['role']",
    "[k]",
    "[0]",
    "[1:]",
    "|list",
    "|first",
    "|map('upper')|list",
    "|map(attribute='role')",
)
_MORE = (
    "|map('map', attribute=k)",
    "|sort(attribute=k)",
    "|default(m)",
    ".items()",
    ".join(k)",
    "[a]",
    "()",
    "|join(k)",
)
_ends = st.builds("{}{}".format, st.sampled_from(_NAMES + _TEXTS), st.sampled_from(_AFTER + _AFTER + _MORE))
_values = st.recursive(
    _ends,
    lambda one: st.one_of(
        st.builds("{} ~ {}".format, one, one),
        st.builds("[{}, {}]".format, one, one),
        st.builds("{{'{}': {}}}".format, st.sampled_from(["a", "join", "role"]), one),
        st.builds("({} if {} else {})".format, one, one, one),
    ),
    max_leaves=3,
)
_targets = st.sampled_from(["a", "d", "k", "ns.a", "f", "range", "m"])
_blocks = st.recursive(
    st.one_of(
        st.builds("{{{{ {} }}}}".format, _values),
        st.builds("{{% set {} = {} %}}".format, _targets, _values),
        st.just("{% set ns = namespace(a='x') %}"),
    ),
    lambda one: st.one_of(
        st.builds("{{% for {} in {} %}}{}{{% endfor %}}".format, st.sampled_from(["k", "m", "d"]), _values, one),
        st.builds("{{% macro f(a) %}}{}{{% endmacro %}}".format, one),
        st.builds("{{% with {} = {} %}}{}{{% endwith %}}".format, st.sampled_from(["a", "d"]), _values, one),
        st.builds("{}{}".format, one, one),
    ),
    max_leaves=6,
)


def _rendered(template: str) -> str:
    environment = Trapped(extensions=["jinja2.ext.loopcontrols"])
    try:
        warnings.simplefilter("ignore", SyntaxWarning)
        made = environment.from_string(template)
        return made.render(messages=MESSAGES, d=MESSAGES[0], raise_exception=_fails)
    except (TemplateError, TypeError, ValueError, AttributeError, LookupError, OverflowError):
        return ""


@settings(max_examples=250, deadline=None)
@given(_blocks)
def test_what_is_let_in_reaches_nothing_when_it_is_rendered(template: str) -> None:
    """No attribute of Python's own, no call of anything else, no flood: for templates of a small grammar."""
    try:
        check_template(template)
    except NotAllowed:
        return
    assert len(_rendered(template)) < 1_000_000


@pytest.mark.parametrize("render", [_rendered])
def test_the_trap_sees_what_reaches_further(render: Callable[[str], str]) -> None:
    """The control of the one above: both traps close for templates that are refused; an honest one is rendered."""
    assert render(GOOD["dk"]) == "usera{'x': 1}"
    for template in (
        "{{ ''['_' ~ '_class_' ~ '_'] }}",
        "{{ ''.encode() }}",
    ):
        with pytest.raises(AssertionError):
            render(template)
