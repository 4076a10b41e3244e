"""The import contracts hold, and each one is able to fail: a fault is put into a copy of the tree and must be named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "lockgate"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]

FAULTS = [
    ("layers", "core/digest.py", "import lockgate.store"),
    ("layers", "train/run.py", "import lockgate.validate.rules"),
    ("layers", "trust/roles.py", "import lockgate.sandbox.settings"),
    ("layers", "audit/ledger.py", "import lockgate.deploy.spec"),
    ("layers", "new_room.py", "x = 1"),
    ("pure", "core/verdict.py", "import time"),
    ("pure", "validate/rules.py", "from os import environ"),
    ("pure", "deploy/spec.py", "from random import random"),
    ("jail", "train/jail/fit.py", "from lockgate.trust import signer"),
    ("jail", "validate/jail/check.py", "import cryptography"),
    ("pid1", "sandbox/jail/harness.py", "import pydantic"),
    ("processes", "ingest/run.py", "import subprocess"),
    ("own-program", "supervise/crew.py", "from lockgate.sandbox import own_program"),
    ("keyfile", "trust/verifier.py", "from lockgate.trust import _keyfile"),
    ("serving", "serve/service.py", "from lockgate.trust.signer import Signer"),
    ("serving", "audit/entries.py", "import lockgate.trust._keyfile"),
    ("gateway", "serve/edge.py", "import lockgate.serve.sealer"),
    ("gateway", "serve/recording/recorder.py", "import lockgate.audit.seal"),
    ("siblings", "store/files.py", "import lockgate.audit.log"),
]


def lint(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package below `tree`."""
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo", *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "src"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def named(contract: str, file: str) -> str:
    """How the report names the culprit: by its module, or, where rooms form a ring, by its room."""
    module = file.removesuffix(".py").replace("/", ".")
    return f"- .{module.partition('.')[0]} -> " if contract == "siblings" else f"lockgate.{module}"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to break."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(SOURCE, tmp_path / "src" / "lockgate", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_contracts_hold(copied: Path) -> None:
    """Positive control: the tree as it is keeps every contract."""
    done = lint(copied)
    assert (done.returncode, re.findall(r"(\d+) broken", done.stdout)) == (0, ["0"]), done.stdout


def _first_of_each() -> list[Any]:
    """Each contract's first fault goes through the linter by day, the others by night."""
    by_day = {contract: number for number, (contract, *_) in reversed(list(enumerate(FAULTS)))}
    return [
        pytest.param(*fault, marks=[] if by_day[fault[0]] == number else pytest.mark.nightly)
        for number, fault in enumerate(FAULTS)
    ]


@pytest.mark.parametrize(("contract", "file", "line"), _first_of_each(), ids=lambda value: str(value).replace("/", "."))
def test_a_fault_is_named_by_its_contract(copied: Path, contract: str, file: str, line: str) -> None:
    """One forbidden import makes its contract fail, and the report names it."""
    path = copied / "src" / "lockgate" / file
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{before}\n{line}\n", encoding="utf-8")
    done = lint(copied, "--contract", contract)
    assert done.returncode == 1, done.stdout + done.stderr
    assert named(contract, file) in done.stdout


def test_each_contract_is_proved_able_to_fail() -> None:
    """A contract without a fault beside it would be a promise that nobody has tried."""
    assert {contract["id"] for contract in CONTRACTS} == {contract for contract, _, _ in FAULTS}


@pytest.mark.parametrize("file", sorted({file for _, file, _ in FAULTS if file != "new_room.py"}))
def test_the_fault_is_put_into_a_file_that_exists(file: str) -> None:
    """A fault in a file of its own would prove less."""
    assert (SOURCE / file).is_file()


def test_every_jail_is_under_contract() -> None:
    """A new jail cannot be forgotten: each folder named `jail` is a source of one of the two jail contracts."""
    sources = [set(c["source_modules"]) for c in CONTRACTS if c["id"] in {"jail", "pid1"}]
    jails = {path.parent.relative_to(SOURCE.parent).as_posix() for path in SOURCE.rglob("jail/*.py")}
    assert {jail.replace("/", ".") for jail in jails} == set.union(*sources)
