"""The JSON Schema of both TOML files takes what their readers take, and marks what an editor should mark."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]

from lockgate.cli.export_schema import text_of
from lockgate.config import SCHEMA, read_config
from lockgate.core.shapes import pattern
from lockgate.core.strict import Item, Key, Many, Named, Table
from lockgate.errors import LockgateError
from lockgate.trust.policy import SCHEMA as POLICY
from lockgate.trust.policy import Policy, default_policy

ROOT = Path(__file__).resolve().parents[3]
CONFIG_SAYS = Draft202012Validator(json.loads(text_of("lockgate")))
POLICY_SAYS = Draft202012Validator(json.loads(text_of("policy")))
LEAST: dict[str, Any] = {
    "project": {"name": "churn"},
    "data": {"sources": ["data/*.csv"], "contract": "contract.py:Row", "label": "left"},
}
SPELLINGS: list[Any] = [
    *("1 h", "90 d", "512 MiB", "2 GB", "5 %", "0.5%", "100/s", "a.py:Zeile_ä", "https://x/", "http://localhost:1/"),
    *("env:KEY", "cmd:pass x", "redis://x", "MIT", "Apache-2.0", "a", "", "/abs", "../up", "x y", "é", "sql:d:q.sql"),
    *("10.0.0.0/8:443", "0" * 64, "sha256:" + "0" * 64, "none", "off", "warn", "enforce", "%d.%m.%Y", "1.234,56"),
    *(0, 1, -1, 3, 100, 2**53, 2**53 + 1, 0.0, 0.5, 1.0, 1e9, True, False, [], ["a"], ["a", "b"], [1], [["a"]]),
    {"min": 0.7}, {"a": "b"}, {"a": 1}, {"rows": 10, "min": 0.5},
]  # fmt: skip


def places(item: Item, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Key]]:
    """Every key of a file with its path; where a person chooses the name it is `one`, in an array of tables `0`."""
    match item:
        case Key():
            return [(path, item)]
        case Table():
            return [place for name, inner in item.items.items() for place in places(inner, (*path, name))]
        case Named(item=inner):
            return places(inner, (*path, "one"))
        case Many(table=table):
            return places(table, (*path, "0"))


def with_value(document: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set one key, making the tables above it."""
    here: Any = document
    for name, below in zip(path, [*path[1:], ""], strict=True):
        if isinstance(here, list):
            if not here:
                here.append({})
            here = here[0]
            continue
        if name == path[-1] and below == "":
            here[name] = value
        elif not isinstance(here.get(name), dict | list):
            here[name] = [] if below == "0" else {}
        here = here.get(name)


def as_toml(value: Any) -> str:
    """Any value, on one line; a string of JSON is one of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {as_toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value)


def document_text(document: dict[str, Any]) -> str:
    """The whole file."""
    return "".join(f"{name} = {as_toml(value)}\n" for name, value in document.items())


def edits(table: Table) -> st.SearchStrategy[list[tuple[tuple[str, ...], Any]]]:
    """A few keys of the file, each with a value that may fit, or not."""

    def one(place: tuple[tuple[str, ...], Key]) -> st.SearchStrategy[tuple[tuple[str, ...], Any]]:
        path, key = place
        fitting = [value for value in SPELLINGS if _reads(key, value)]
        words = key.kind.shape.get("enum", [])
        values = st.sampled_from([*fitting, *words]) if fitting or words else st.sampled_from(SPELLINGS)
        return st.tuples(st.just(path), values | st.sampled_from(SPELLINGS))

    return st.lists(st.sampled_from(places(table)).flatmap(one), min_size=1, max_size=3)


def _reads(key: Key, value: Any) -> bool:
    try:
        key.kind.read(value)
    except (ValueError, LockgateError):
        return False
    return True


def test_both_are_schemas_of_2020_12() -> None:
    """The documents themselves are what their dialect asks for, and refuse unknown keys at the top."""
    for validator in (CONFIG_SAYS, POLICY_SAYS):
        Draft202012Validator.check_schema(validator.schema)
        assert validator.schema["additionalProperties"] is False


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/**/lockgate.toml")), ids=lambda path: path.parent.name)
def test_every_example_has_no_mark_in_an_editor(file: Path) -> None:
    """lockgate.toml and policy.toml of every example fit their schemas."""
    CONFIG_SAYS.validate(tomllib.loads(file.read_text("utf-8")))
    policy = file.with_name("policy.toml")
    POLICY_SAYS.validate(tomllib.loads(policy.read_text("utf-8") if policy.exists() else default_policy()))


@pytest.mark.parametrize(
    "place", [pytest.param(each, id=".".join(each[0])) for each in places(SCHEMA) + places(POLICY)]
)
def test_what_one_key_reads_its_shape_takes(place: tuple[tuple[str, ...], Key]) -> None:
    """Key by key, over many spellings: where the reader has a value, an editor has no mark."""
    says = Draft202012Validator(place[1].kind.shape)
    taken = [value for value in SPELLINGS if _reads(place[1], value) and not says.is_valid(value)]
    secrets = [value for value in taken if "reference to a secret" in place[1].kind.expects]
    assert [value for value in taken if value not in secrets] == [], place[1].kind.shape


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits(SCHEMA))
def test_the_schema_takes_every_lockgate_toml_that_is_read(changes: list[tuple[tuple[str, ...], Any]]) -> None:
    """Over keys and values that fit and that do not."""
    document = json.loads(json.dumps(LEAST))
    for path, value in changes:
        with_value(document, path, value)
    try:
        read_config(document_text(document))
    except LockgateError:
        return
    CONFIG_SAYS.validate(document)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits(POLICY))
def test_the_schema_takes_every_policy_that_is_read(changes: list[tuple[tuple[str, ...], Any]]) -> None:
    """The same of policy.toml."""
    document = tomllib.loads(default_policy())
    for path, value in changes:
        with_value(document, path, value)
    try:
        Policy.from_text(document_text(document))
    except LockgateError:
        return
    POLICY_SAYS.validate(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data", "lable"), "left"),
        (("data", "sources"), []),
        (("data", "contract"), "contract.py"),
        (("project", "name"), "No Capitals"),
        (("train", "memory"), 512),
        (("train", "memory"), "512 Mib"),
        (("serve", "port"), 99_999),
        (("serve", "port"), "8080"),
        (("serve", "rate"), "100"),
        (("monitor", "unit"), "rows"),
        (("data", "stores", "s3://x/", "key"), "AKIAX"),
    ],
)
def test_an_editor_marks_what_is_refused(path: tuple[str, ...], value: Any) -> None:
    """An unknown key, a wrong type, a wrong unit, a secret in the file: marked, and refused by the reader."""
    document = json.loads(json.dumps(LEAST))
    CONFIG_SAYS.validate(document)
    with_value(document, path, value)
    with pytest.raises(ValidationError):
        CONFIG_SAYS.validate(document)
    with pytest.raises(LockgateError):
        read_config(document_text(document))


def test_what_must_be_said_is_said_once() -> None:
    """Without [data] there is a mark; with several models, each of which says its own, there is none."""
    assert not CONFIG_SAYS.is_valid({"project": {"name": "churn"}})
    assert not CONFIG_SAYS.is_valid({"project": {"name": "churn"}, "data": {"label": "left"}})
    assert not CONFIG_SAYS.is_valid({"project": {"name": "churn"}, "model": {}})
    several = {"project": {"name": "churn"}, "model": {"a": {"data": LEAST["data"]}, "b": {"data": LEAST["data"]}}}
    read_config(document_text(several))
    CONFIG_SAYS.validate(several)


def test_a_pattern_is_left_out_where_engines_differ() -> None:
    """What only Python reads so is not handed to an editor; letters of every script are letters there too."""
    assert {} == pattern(r"\d+") == pattern(r"(?<=a)b") == pattern("a.b") == pattern("")
    says = Draft202012Validator({"type": "string", **pattern(r"[A-Z]\w*")})
    assert [says.is_valid(each) for each in ("Ab_1", "Größe", "A名", "A b")] == [True, True, True, False]
