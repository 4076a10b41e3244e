"""supervise: the sealer's key goes into a jail from a file, also an encrypted one; no other store gives it out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockgate.errors import Unavailable
from lockgate.supervise import run
from tests.support.serving import servable_project, serving

SECRET = "a passphrase of the sealer's"


def children() -> list[str]:
    """The child processes of this one."""
    return [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def test_where_the_sealer_s_key_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a token or a cloud: LG876 and exit 4 before any process. Elsewhere with a passphrase: the house comes up.

    The event log is sealed by the same key meanwhile, through the seam that every signature takes.
    """
    project = servable_project(tmp_path, monkeypatch)
    project.make_live(monkeypatch)
    keyring, before = project.keyring, children()
    uri = keyring.folder / "sealer.uri"
    uri.write_text("hv:sealer/1\n")
    uri.chmod(0o600)
    with pytest.raises(Unavailable) as caught:
        run.serve(project.workplace(), port=0)
    assert (caught.value.finding, caught.value.exit_code) == ("LG876", 4)
    assert "trust use sealer" in caught.value.next
    assert children() == before
    uri.unlink()
    keyring.protect("sealer", SECRET.encode())
    elsewhere = tmp_path / "sealer.pem"
    os.rename(keyring.folder / "sealer.key", elsewhere)
    monkeypatch.setenv("LOCKGATE_PASSPHRASE_SEALER", SECRET)
    keyring.use("sealer", f"file:{elsewhere}?encrypted=true")
    project.make_live(monkeypatch, 2000.0)
    assert len(project.open_ledger().statements("deploy")) == 2
    with serving(project) as up:
        assert up.predict().status_code == 200
