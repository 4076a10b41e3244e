"""`lockgate run` in a folder that `init --data` made, untouched. (By night to a deployed one: test_scaffold_cli.)"""

from __future__ import annotations

import shutil

from lockgate.trust.policy import default_policy
from tests.support.scaffolded import rows_of
from tests.support.shell import Ready, without_screen

SMALL = rows_of(
    "Umsatz €;Tarif;Gekündigt?",
    lambda row, chance: f"{row % 100 + chance.random():.2f}".replace(".", ","),
    lambda _, chance: chance.choice("SML"),
    lambda row, _: "ja" if row % 100 > 55 else "nein",
    count=120,
    delimiter=";",
)


def test_a_file_becomes_a_model(ready: Ready) -> None:
    """Two commands and nothing edited: every row kept, the graph as sure as the estimator, a version registered."""
    shell, root = ready.shell, ready.shell.home / "p"
    (shell.home / "kunden.csv").write_bytes(SMALL)
    root.mkdir()
    (root / "policy.toml").write_text(default_policy(), encoding="utf-8")
    without_screen(root)
    done = shell("init", "p", "--data", "kunden.csv", "--label", "Gekündigt?")
    assert done.code == 0, done.err
    # The environment of the same lock, as the other project has it.
    (root / ".lockgate" / "env").symlink_to((ready.root / ".lockgate" / "env").resolve())
    shutil.copytree(ready.root / ".lockgate" / "state" / "env", root / ".lockgate" / "state" / "env")
    ran = shell("run", at=root)
    assert ran.code == 0, ran.err
    assert ran.out == "p@1\n"
    assert "120 kept + 0 quarantined" in ran.err
    assert "graph and estimator agree on all 24 judged rows" in ran.err
    assert "building the locked environment" not in ran.err
