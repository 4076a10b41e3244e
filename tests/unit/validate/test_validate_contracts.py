"""Contracts that cannot be used, in the real jails: a finding that names file and line, and nothing is signed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lockgate.contract.jail import load
from lockgate.contract.jail.inference import inference_model
from lockgate.errors import LockgateError, Usage
from lockgate.validate.run import run as validate
from lockgate.validate.spec import ValidateSpec
from tests.support.project import at_home
from tests.support.sources import CSV, FLIGHT, SourceProject

HEAD = "from pydantic import BaseModel, Field, model_validator, field_validator, computed_field\nimport lockgate\n"
FIELDS = "    distance: int\n    carrier: str\n    late: bool\n"


@pytest.fixture(name="once_ingested", scope="module")
def _once_ingested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SourceProject]:
    home = tmp_path_factory.mktemp("ingested")
    with pytest.MonkeyPatch.context() as patch:
        place = SourceProject(home, patch)
        place.write("a.csv", CSV)
        place.ingest("a.csv")
        return home, place


@pytest.fixture(name="ingested")
def _ingested(once_ingested: tuple[Path, SourceProject], monkeypatch: pytest.MonkeyPatch) -> SourceProject:
    """A project with CSV for what signs nothing: all such tests share it."""
    home, place = once_ingested
    at_home(home, monkeypatch)
    return place


BAD_CONTRACTS: dict[str, tuple[str, str, str, int | None]] = {
    "syntax error": ("LG206", "class Flight(:\n", "contract.py:1", 1),
    "import error": ("LG207", "import no_such_package\n" + FLIGHT, "no_such_package", 1),
    "raises": ("LG207", FLIGHT + "\n1 / 0\n", "ZeroDivisionError", 9),
    "ends the process": ("LG207", FLIGHT + "\nraise SystemExit(0)\n", "SystemExit", 9),
    "calls the network": (
        "LG207",
        "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=5)\n" + FLIGHT,
        "URLError",
        2,
    ),
    "undefined annotation": ("LG207", HEAD + "class Flight(BaseModel):\n    x: 'Nothing'\n    late: bool\n", "", None),
    "no such class": ("LG208", FLIGHT.replace("class Flight", "class Flights"), "did you mean Flights", None),
    "no model": ("LG208", "x = 1\n", "Flight", None),
    "not a model": ("LG209", "class Flight:\n    late: bool\n", "Flight", None),
    "no fields": ("LG209", HEAD + "class Flight(BaseModel):\n    pass\n", "no fields", None),
    "no label": ("LG210", FLIGHT.replace("late: bool", "lates: bool"), "did you mean 'lates'", None),
    "label in a validator": (
        "LG211",
        HEAD
        + "class Flight(BaseModel):\n"
        + FIELDS
        + '    @model_validator(mode="after")\n    def late_is_far(self):\n'
        + "        if self.late and self.distance < 10:\n"
        + '            raise ValueError("near")\n        return self\n',
        "late_is_far",
        None,
    ),
    "label in a computed field": (
        "LG211",
        HEAD
        + "class Flight(BaseModel):\n"
        + FIELDS
        + "    @computed_field\n    @property\n    def leak(self) -> int:\n        return int(self.late)\n",
        "leak",
        None,
    ),
    "label in info.data": (
        "LG211",
        HEAD
        + "class Flight(BaseModel):\n    late: bool\n    distance: int\n    carrier: str\n"
        + '    @field_validator("distance")\n    @classmethod\n    def check(cls, value, info):\n'
        + '        return value if info.data["late"] else 0\n',
        "check",
        None,
    ),
}


OF_THE_SAME_KIND = (
    "undefined annotation",
    "no model",
    "no fields",
    "label in a computed field",
    "label in info.data",
)
"""Another of the same finding goes through the jail by day; these do so by night."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.nightly) if name in OF_THE_SAME_KIND else name for name in BAD_CONTRACTS],
)
def test_a_contract_that_cannot_be_used(ingested: SourceProject, name: str) -> None:
    """Each fault is a finding of exit code 2 that names file and line; nothing is signed."""
    finding, text, says, line = BAD_CONTRACTS[name]
    with pytest.raises(Usage) as caught:
        ingested.validate(text)
    assert caught.value.finding == finding, caught.value
    assert says in caught.value.message
    assert line is None or caught.value.seen["line"] == line
    assert "Traceback" not in caught.value.message
    assert ingested.claims() == ["roles", "policy", "ingest"]


@pytest.mark.parametrize("name", OF_THE_SAME_KIND)
def test_the_jails_code_names_each_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The same findings from the jail's own code, here without a jail."""
    finding, text, says, _ = BAD_CONTRACTS[name]
    (tmp_path / "contract.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setitem(sys.modules, "contract", sys)  # what is loaded in its place goes away afterwards
    with pytest.raises(Usage) as caught:  # noqa: PT012 - any of the three may say it
        model = load.load_model(tmp_path, "contract.py", "Flight")
        load.check_label(model, "late", "contract.py")
        inference_model(model, "late", "contract.py")
    assert (caught.value.finding, says in caught.value.message) == (finding, True), caught.value


@pytest.mark.parametrize(
    ("text", "asked", "named"),
    [
        (FLIGHT, "Flights", "Flight"),
        (FLIGHT, "Row", "Flight"),
        (FLIGHT + "class Other(Flight):\n    pass\n", "", "Other"),
        ("x = 1\n", "", "ClassName"),
    ],
)
def test_where_a_contract_is_named_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, asked: str, named: str
) -> None:
    """The line of lockgate.toml, with a class that the file has, where it has one."""
    (tmp_path / "contract.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setitem(sys.modules, "contract", sys)
    with pytest.raises(Usage) as caught:
        load.load_model(tmp_path, "contract.py", asked)
    assert caught.value.finding == "LG208"
    line = f'in lockgate.toml: [data] contract = "contract.py:{named}"'
    assert caught.value.next == f"{line}; with lockgate validate: --contract contract.py:{named}"


def test_a_missing_contract(ingested: SourceProject) -> None:
    """No file of that name is LG205."""
    with pytest.raises(Usage) as caught:
        validate(ingested.project.workplace(), ValidateSpec("flight.py", "Flight", "late"))
    assert caught.value.finding == "LG205"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("import os\nos._exit(0)", "has ended"),
        ("import os\nos._exit(7)", "exit code 7"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", ""),
        ("x = bytearray(10 << 30)", "memory"),
    ],
    ids=["leaves", "fails", "crashes", "eats memory"],
)
def test_a_contract_that_ends_its_jail(ingested: SourceProject, body: str, why: str) -> None:
    """Code that kills the process or eats its memory is a finding with the reason, and nothing is signed."""
    with pytest.raises(LockgateError) as caught:
        ingested.validate(FLIGHT + "\n" + body + "\n")
    assert caught.value.finding in {"LG212", "LG207"}
    assert why in caught.value.message.lower()
    assert ingested.claims() == ["roles", "policy", "ingest"]


def test_a_sensitive_field_that_does_not_exist(ingested: SourceProject) -> None:
    """A misspelled sensitive field is LG221, not silence."""
    with pytest.raises(Usage) as caught:
        ingested.validate(sensitive=("carier",))
    assert caught.value.finding == "LG221"
