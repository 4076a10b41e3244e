"""Who verifies loads nothing that could sign: no signer, no keyring, no key store, no securesystemslib."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lockgate.project import Project

SETTINGS = '[project]\nname = "flights"\n[data]\nsources = ["x.csv"]\ncontract = "c.py:F"\nlabel = "y"\n'
VERIFY = """
import sys
from lockgate.cli.main import run
code = run(["verify", "--all", "-C", sys.argv[1]])
signers = ("lockgate.trust.signer", "lockgate.trust.keyring", "lockgate.trust.passphrases", "lockgate.trust._key")
print("code", code, *sorted(name for name in sys.modules if name.startswith((*signers, "securesystemslib", "pkcs11"))))
"""


def test_verify_loads_no_signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`lockgate verify --all` of a project in order, whose keys are beside it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "lockgate.toml").write_text(SETTINGS)
    keys = Project.create(tmp_path).keys
    assert len(list(keys.glob("*.key"))) == 11
    command = [sys.executable, "-c", VERIFY, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1].startswith("code 0"), done.stderr
    assert done.stdout.splitlines()[-1] == "code 0"
