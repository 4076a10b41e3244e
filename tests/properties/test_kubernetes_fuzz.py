"""Whatever stands in a manifest, the rules answer: with what is wrong, never with a traceback."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lockgate.export.kubernetes.rules import broken, refusals
from lockgate.sandbox._kubernetes import state
from lockgate.sandbox._kubernetes.compare import differences
from tests.support.kubernetes import Objects

JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 99), st.floats(allow_nan=False), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)
RENDERED = Objects().all


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place below a value."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [*([path] if path else []), *(each for key, below in inner for each in places(below, (*path, key)))]


PLACES = places(RENDERED)


def put(value: Any, path: tuple[Any, ...], junk: Any) -> None:
    """Change one place."""
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = junk


@given(st.sampled_from(PLACES), JUNK)
def test_junk_anywhere_in_a_set_is_answered(path: tuple[Any, ...], junk: Any) -> None:
    """One place of the rendered set holds anything at all: the rules still give their list."""
    manifests = copy.deepcopy(RENDERED)
    put(manifests, path, junk)
    if len(path) > 1 and path[1:] != ("kind",):  # `read_manifests` has seen to these
        assert isinstance(broken(manifests), list)


@given(st.sampled_from(places(Objects().pod)), JUNK, JUNK)
def test_junk_in_a_pod_that_comes_back_is_answered(path: tuple[Any, ...], junk: Any, status: Any) -> None:
    """A lying API cannot stop the comparison, the rules or the reading of a status."""
    submitted = Objects().pod
    found = copy.deepcopy(submitted)
    put(found, path, junk)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": found}
    assert isinstance(differences(submitted, found), list)
    assert isinstance(refusals(pod), list)
    given_status = {"status": {"containerStatuses": [{"state": status}], "conditions": status, "reason": status}}
    for words in (state.hopeless(given_status), state.ended_by(given_status), state.waits_for(given_status)):
        assert isinstance(words, str)
