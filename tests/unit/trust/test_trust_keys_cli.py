"""`lockgate trust protect|use`: data, exit codes, the next command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.main import run
from lockgate.project import Project
from lockgate.trust import signer

SETTINGS = '[project]\nname = "flights"\n[data]\nsources = ["x.csv"]\ncontract = "c.py:F"\nlabel = "y"\n'


def test_protect_and_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Encrypted in place; by another file; a key made elsewhere waits; what is wrong ends with its exit code."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "lockgate.toml").write_text(SETTINGS)
    keys = Project.create(tmp_path).keys

    def ran(*words: str) -> tuple[int, dict[str, Any]]:
        code = run(["trust", *words, "-C", str(tmp_path), "--json"])
        said = capsys.readouterr()
        assert "next:" in said.err
        return code, json.loads(said.out)

    code, said = ran("protect", "judge")
    assert (code, said["finding"]) == (4, "LG872")
    monkeypatch.setenv("LOCKGATE_PASSPHRASE_JUDGE", "secret")
    assert ((done := ran("protect", "judge"))[0], done[1]["role"]) == (0, "judge")
    code, said = ran("protect", "judge")
    assert (code, said["finding"]) == (2, "LG876")
    (keys / "judge.key").rename(tmp_path / "judge.pem")
    assert ran("use", "judge", f"file:{tmp_path / 'trainer.pem'}")[0] == 4
    assert ran("use", "judge", f"file:{keys / 'trainer.key'}")[0] == 3
    assert ran("use", "judge", "file:judge.pem")[0] == 2
    code, said = ran("use", "judge", f"file:{tmp_path / 'judge.pem'}?encrypted=true")
    assert (code, said["waits"]) == (0, False)
    new = signer.generate("judge")
    signer.save(new, tmp_path / "new.pem")
    (tmp_path / "new.pub").write_text(new.public.pem)
    (tmp_path / "bad.pub").write_text("rubbish")
    assert ran("use", "judge", f"file:{tmp_path / 'new.pem'}", "--public", str(tmp_path / "bad.pub"))[0] == 2
    code, said = ran("use", "judge", f"file:{tmp_path / 'new.pem'}", "--public", str(tmp_path / "new.pub"))
    assert (code, said["waits"], said["keyid"]) == (0, True, new.keyid)
