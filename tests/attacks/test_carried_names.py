"""What is written, shown or chosen by somebody else's words: settings, programs, names, and a terminal's own signs.

Threats: supply-chain attacks; a role's key that was stolen, whose holder writes what others read.
"""

from __future__ import annotations

import ast
import tomllib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from lockgate.cli.render import Talk, table
from lockgate.core.encoding import decode
from lockgate.core.shown import block, json_line, toml_string, visible
from lockgate.errors import Refused, VerificationFailed
from lockgate.project.carry import mirror, plain, pulling
from lockgate.project.carry.pulling import Asked, asked_name
from lockgate.project.scaffold.inferred import infer
from lockgate.runtime import serving
from tests.support.carried import MINUTES, finding

EVIL = 'Flight"\n[serve.x]\ny = "1'
STEER = "ok\x1b[2K\x1b]0;owned\x07\r\n\u202egnorw\x9b2J\u2028end"


def test_a_mirror_s_settings_hold_what_was_said_and_nothing_else() -> None:
    """Quotes and line breaks of a statement are a text in lockgate.toml; what no project can say is refused."""
    good = mirror.settings(name="flights", remote="registry.example/team/flights", contract="c.py:Flight", label="late")
    assert tomllib.loads(good.decode())["data"]["contract"] == "c.py:Flight"
    texts = (EVIL, STEER, "\\", '"', "\U0001f600", "\x00\x7f")
    assert [tomllib.loads(f"x = {toml_string(text)}")["x"] for text in texts] == list(texts)
    for change in ({"contract": f"c.py:{EVIL}"}, {"name": EVIL}, {"label": "\ud800"}):
        said = {"name": "flights", "remote": "r.example/a", "contract": "c.py:A", "label": "late", **change}
        with pytest.raises(VerificationFailed, match="can be written"):
            mirror.settings(**said)
    odd = mirror.settings(name="flights", remote="r.example/a", contract="c.py:A", label=EVIL)
    assert set(tomllib.loads(odd.decode())) == {"project", "data", "serve"}


@pytest.mark.parametrize("place", ["label", "field", "input", "output", "long"])
def test_a_model_s_names_are_names(place: str) -> None:
    """io.json comes out of a jail: a label or field that is no name, an input or output that steers, is refused."""
    text = MINUTES.encode()
    assert serving.parse(text) == MINUTES
    changes: dict[str, Any] = {
        "label": {"label": EVIL},
        "field": {"fields": (replace(MINUTES.fields[0], name=EVIL), *MINUTES.fields[1:])},
        "input": {"inputs": (replace(MINUTES.inputs[0], input=STEER), *MINUTES.inputs[1:])},
        "output": {"value_output": STEER},
        "long": {"label": "x" * 256},
    }
    with pytest.raises(ValueError, match=r"io\.json"):
        serving.parse(replace(MINUTES, **changes[place]).encode())


@pytest.mark.parametrize(
    "said",
    [
        f"contract.py:{EVIL}",
        "contract.py:",
        "../x.py:A",
        "a\nb.py:A",
        "a\u202eb.py:A",
        "contract:A",
        "c.py:a.b",
        None,
        ["c.py:A"],
    ],
)
def test_a_contract_is_a_file_and_a_class(said: object) -> None:
    """Whatever else a validate statement calls its contract is none."""
    assert plain.contract_reference("code/contract.py:Flight") == "code/contract.py:Flight"
    assert plain.contract_reference(said) == ""


def test_a_written_program_is_the_program_that_was_meant() -> None:
    """File, class and model stand in the programs as literals, in one pass: none becomes code, or another's place."""
    wanted = ast.dump(ast.parse(plain.programs_for("flights@1", "a.py", "A")[plain.COLUMNS]))
    for file, name in ((EVIL, "A"), ("a.py", 'A";import os#'), ("@CLASS@", "@REF@"), ("\u2028", "\ud800")):
        text = plain.programs_for("flights@1", file, name)[plain.COLUMNS]
        found = ast.dump(ast.parse(text))
        assert found.replace(repr(file), "'a.py'").replace(repr(name), "'A'") == wanted


def test_a_stranger_s_data_writes_no_code() -> None:
    """`init --data`: cells and the file's name come into contract.py and lockgate.toml as comments and texts only."""
    column = {
        "name": "a",
        "kind": "string",
        "distinct": 2,
        "rows": 90,
        "nulls": 0,
        "values": ["x\nimport os", "\r\x0cy"],
    }
    label = {"name": "y", "kind": "bool", "distinct": 2, "rows": 90, "nulls": 0}
    made = infer({"rows": 90, "columns": [column, label]}, name="n", source='x"""\nimport os\n"""\\', label="y").files
    classes = [type(node).__name__ for node in ast.parse(made["contract.py"]).body]
    assert classes == ["Expr", "ImportFrom", "ClassDef"]
    assert tomllib.loads(made["lockgate.toml"])["data"]["sources"] == ['data/x"""\nimport os\n"""\\']


def registered(*names: str) -> list[Any]:
    """Version 1 of each."""
    return [SimpleNamespace(name=name, version=1, ref=f"{name}@1", manifest=f"sha256:{name}") for name in names]


def asked(remote: str, name: str = "") -> Asked:
    """What a person asks for."""
    return Asked.of(remote, "0" * 64, lambda: None, name=name)  # type: ignore[arg-type,return-value]


def test_a_tag_is_of_the_model_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """`flights:v1` moved to the draft's version 1, which verifies as well, is refused; so is an unsaid name."""
    known = registered("flights", "draft")
    monkeypatch.setattr(pulling, "registrations", lambda _: known)
    monkeypatch.setattr(pulling, "digest_of", lambda data: data)
    moved: Any = SimpleNamespace(manifest=lambda _: "sha256:draft")
    honest: Any = SimpleNamespace(manifest=lambda _: "sha256:flights")

    def target(remote: str, name: str, registry: Any) -> str:
        return pulling.find_target(asked(remote, name), registry, ()).ref

    assert target("r.example/team/flights:v1", "", honest) == "flights@1"
    assert finding(lambda: target("r.example/team/flights:v1", "", moved)) == "LG845"
    assert finding(lambda: target("r.example/team/all:v1", "", moved)) == "LG845"
    assert finding(lambda: asked_name(asked("r.example/team/all:v1"), known)) == "LG845"
    assert target("r.example/team/all:v1", "draft", moved) == "draft@1"
    known.pop()
    assert asked_name(asked("r.example/team/all:v1"), known) == ""


def test_what_is_printed_steers_no_terminal() -> None:
    """Escapes, marks of direction and line breaks of others are shown; ours break lines; JSON says the same."""
    talk = Talk()

    def speak() -> str:
        import click

        @click.command()
        def command() -> None:
            talk.say(STEER)
            talk.line("ok", "stage", STEER)
            talk.data(STEER)
            talk.data(table([(STEER, "x"), ("b", "y")]))
            talk.data(block([STEER, "second"]))
            talk.error(Refused("LG864", STEER, seen={"reason": STEER, STEER: 1}, next=STEER))
            Talk(json=True).result("x", {"said": STEER})

        return CliRunner().invoke(command).output

    lines = speak().split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert len(lines) - 1 == 1 + 1 + 1 + 2 + 2 + (1 + 2 + 1 + 1) + 1
    assert lines[3].index("x") > 0
    assert lines[3].rindex("x") == lines[4].rindex("y")
    assert decode(lines[-2].encode()) == {"schema": "lockgate.x/v1", "said": STEER}
    assert decode(json_line({"a": "\U000e0001\ud800"}).encode()) == {"a": "\U000e0001\ud800"}
    assert (visible("flights für مرحبا"), visible("a\nb")) == ("flights für مرحبا", "a\\nb")
