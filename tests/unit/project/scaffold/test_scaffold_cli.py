"""`lockgate init --data FILE` as a newcomer types it, in its jails; by night, to a served model."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.support.scaffolded import rows_of
from tests.support.shell import Shell

GERMAN = rows_of(
    "Kundennr;Anmeldung;Umsatz €;Tarif;Gekündigt?",
    lambda row, _: 1000 + row // 3,
    lambda row, chance: "31.02.2023" if row in (9, 10) else f"{chance.randint(1, 28):02}.{row % 12 + 1:02}.2024",
    lambda row, chance: "k.A." if row % 70 == 3 else f"{row % 100 + chance.random():.2f}".replace(".", ","),
    lambda _, chance: chance.choice("SML"),
    lambda row, chance: "ja" if row % 100 > 55 or chance.random() < 0.1 else "nein",
    count=700,
    delimiter=";",
    encoding="cp1252",
)
REVIEWS = rows_of(
    "id,review,stars",
    lambda row, _: row + 1,
    lambda row, chance: (
        f"the food was {'good and warm' if row % 2 else 'cold and bad'} {chance.choice(['today', 'again'])}"
    ),
    lambda row, chance: "good" if row % 2 or chance.random() < 0.05 else "bad",
    count=600,
)


@pytest.fixture(name="shell")
def _shell(tmp_path: Path) -> Shell:
    (tmp_path / "kunden.csv").write_bytes(GERMAN)
    (tmp_path / "reviews.csv").write_bytes(REVIEWS)
    return Shell(tmp_path)


def test_a_file_becomes_a_project(shell: Shell) -> None:
    """Files, settings and counts, as facts under --json too; the contract was tried on every row of the file."""
    done = shell("init", "p", "--data", "kunden.csv", "--label", "Gekündigt?", "--json")
    assert done.code == 0, done.err
    facts = done.json["data"]
    assert (facts["rows"], facts["accepted"], facts["quarantined"], facts["task"]) == (700, 698, 2, "binary")
    assert facts["settings"]["numbers"] == "1234,56"
    assert {c["column"]: c["role"] for c in facts["columns"]}["Gekündigt?"] == "label"
    root = shell.home / "p"
    assert tomllib.loads((root / "lockgate.toml").read_text())["data"]["null"] == ["", "k.A."]
    written = {
        "contract.py",
        "train.py",
        "policy.toml",
        "requirements.in",
        "requirements.lock",
        "sample.json",
        ".gitignore",
    }
    assert written <= {path.name for path in root.iterdir()}
    assert list(json.loads((root / "sample.json").read_text())["records"][0]) == ["Anmeldung", "Umsatz €", "Tarif"]
    assert "lockgate run" in done.err


def test_what_init_does_not_do(shell: Shell) -> None:
    """No label is guessed, no project is written over, no file is missing; each says what to type next."""
    asked = shell("init", "p", "--data", "kunden.csv")
    assert (asked.code, "LG9020" in asked.err) == (2, True)
    assert "likely: Gekündigt? (2 different)" in asked.err
    assert "lockgate init p --data kunden.csv --label 'Gekündigt?'" in asked.err
    assert not (shell.home / "p").exists()
    assert "LG959" in shell.here("init", "p", "--data", "nothing.csv", "--label", "y").err
    assert "LG940" in shell.here("init", "p", "--label", "y").err
    (shell.home / "q").mkdir()
    (shell.home / "q" / "contract.py").write_text("mine\n")
    refused = shell.here("init", "q", "--data", "kunden.csv", "--label", "y")
    assert (refused.code, "LG949" in refused.err, "contract.py already" in refused.err) == (1, True, True)
    assert "lockgate init NEW_FOLDER --data kunden.csv --label y" in refused.err
    assert (shell.home / "q" / "contract.py").read_text() == "mine\n"


@pytest.mark.nightly
@pytest.mark.parametrize(("file", "label", "kept"), [("kunden.csv", "Gekündigt?", 698), ("reviews.csv", "stars", 600)])
def test_run_works_at_once(shell: Shell, file: str, label: str, kept: int) -> None:
    """From the file to a registered and deployed model with two commands in between, and nothing edited."""
    assert shell("init", "p", "--data", file, "--label", label).code == 0
    root = shell.home / "p"
    ran = shell("run", at=root, timeout=600)
    assert ran.code == 0, ran.err
    assert f"{kept} kept" in ran.err
    assert "graph and estimator agree on all" in ran.err
    assert shell("deploy", "latest", at=root).code == 0
    assert shell("verify", "latest", at=root).code == 0
