"""An approver whose key is in a token (SoftHSM, real PKCS#11): approves end to end, and nobody can stand in for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockgate.audit.workplace import Workplace
from lockgate.errors import LockgateError
from lockgate.project.deploying import approve
from lockgate.trust.keyring import Keyring
from tests.support.project import SignedProject, register_here, signed_project
from tests.support.softhsm import PIN, needs_softhsm, softhsm

URI = "hsm:4?label=lockgate"
ELSEWHERE = """
import sys
from lockgate.errors import LockgateError
from lockgate.trust.keyring import Keyring
try:
    Keyring.open(sys.argv[1]).signer("approver").signature(b"x")
except LockgateError as error:
    print(error.finding, error.exit_code, bool(error.next))
"""


def approvals(project: SignedProject) -> list[str]:
    """Who approved, as the log says when it is read anew."""
    return [one.keyid for one in project.open_ledger().statements("approve")]


def refused(place: Workplace, ref: str) -> str:
    """The finding with which an approval is refused."""
    with pytest.raises(LockgateError) as caught:
        approve(place, ref, reason="looks good", show=lambda _: None)
    assert caught.value.next
    return caught.value.finding


@needs_softhsm
def test_an_approver_s_key_in_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token signs the approval. Another key in the slot, a wrong PIN, no token: refused, and nothing in the log."""
    project = signed_project(tmp_path, monkeypatch)
    project.candidate()
    ref = register_here(project, monkeypatch).ref
    keyring, key = project.keyring, project.keyring.folder / "approver.key"
    with softhsm(tmp_path) as token:
        monkeypatch.setenv("LOCKGATE_PASSPHRASE_FILE_APPROVER", str(tmp_path / "pin"))
        (tmp_path / "pin").write_text(f"{PIN}\n")
        (tmp_path / "pin").chmod(0o600)
        load = [
            "softhsm2-util",
            "--import",
            str(key),
            "--token",
            "lockgate",
            "--label",
            "a",
            "--id",
            "04",
            "--pin",
            PIN,
        ]
        subprocess.run(load, check=True, capture_output=True)
        public = keyring.use("approver", URI)
        key.unlink()
        uri = keyring.folder / "approver.uri"
        uri.write_text(f"{token.uri(3)}\n")
        assert refused(project.workplace("prod"), ref) == "LG874"
        uri.write_text(f"{URI}\n")
        (tmp_path / "pin").write_text("1234")
        fresh = Keyring.open(project.created.project_id)  # the PIN is kept as long as a keyring
        assert refused(project.workplace("prod", keyring=fresh), ref) == "LG871"
        (tmp_path / "pin").write_text(PIN)
        command = [sys.executable, "-c", ELSEWHERE, project.created.project_id]
        away = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, **token.removed()}
        )
        assert away.stdout == "LG873 4 True\n"
        assert approvals(project) == []
        done = approve(project.workplace("prod"), ref, reason="looks good", show=project.said.append)
        assert done.person == "mara"
        assert approvals(project) == [public.keyid]
