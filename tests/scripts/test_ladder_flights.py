"""The flights example on its ladder, from `lockgate init` on: trained models, and July, after training, as traffic."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lockgate.audit.entries import LIVE, Deployment
from tests.support.ladder_house import Folder, House, Rows, alarms, house
from tests.support.shell import Shell

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
PER_REQUEST = 5
FLIP = """    data["late"] = data["late"] ^ (data["carrier"] == "UA")
    return model.fit"""
"""Training learns the labels of one carrier's flights the wrong way round."""
SETTINGS = """[environment.prod.ladder]
climb = "authorised"
sticky = "request"
"""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Folder:
    """The example on two months, its ladder climbed by authorisation, its gate without a word on metrics."""
    shell, root = Shell(tmp_path), tmp_path / "flights"
    shutil.copytree(FLIGHTS, root, ignore=shutil.ignore_patterns(".lockgate", "__pycache__"))
    policy = root / "policy.toml"
    rules = policy.read_text().partition("[environment.prod.metrics]")[0]
    policy.write_text(rules.replace("[environment.prod.ladder]\n", SETTINGS))
    settings = root / "lockgate.toml"
    settings.write_text(settings.read_text().replace("2013-0[1-6]", "2013-0[5-6]"))
    assert shell("init", root).code == 0
    return Folder(root, shell.here("trust", "show", "--json", at=root).json["project_id"], "prod", shell)


def _july() -> Rows:
    """Flights of July, a few in each request, as clients send them; and whether they came late."""
    table = pq.read_table(FLIGHTS / "data" / "flights-2013-07.parquet")
    found = [row for row in table.to_pylist() if row["late"] is not None]
    parts = [found[start : start + PER_REQUEST] for start in range(0, len(found), PER_REQUEST)]

    def records(number: int) -> list[Mapping[str, Any]]:
        return [
            {name: value.isoformat() if name == "scheduled" else value for name, value in row.items() if name != "late"}
            for row in parts[number % len(parts)]
        ]

    return Rows(records, lambda number: [row["late"] for row in parts[number % len(parts)]])


def _train(folder: Folder, **changes: str) -> str:
    """Run with texts of train.py and lockgate.toml changed, and approve; the model's ref."""
    kept = {name: (folder.root / name).read_text() for name in ("train.py", "lockgate.toml")}
    for name, text in kept.items():
        changed = text
        for old, new in changes.items():
            changed = changed.replace(old, new)
        (folder.root / name).write_text(changed)
    done = folder.shell("run", at=folder.root, timeout=1200)
    assert done.code == 0, done.err
    for name, text in kept.items():
        (folder.root / name).write_text(text)
    ref = done.out.strip()
    folder.lockgate("approve", ref, "--env", "prod")
    return ref


@pytest.mark.nightly
def test_who_is_as_good_climbs_and_who_is_not_comes_off(folder: Folder) -> None:
    """Nearly the same trees go live by themselves; a carrier turned round is stopped, and so are too many trees."""
    refs = [
        _train(folder),
        _train(folder, **{"trees = 150": "trees = 140"}),
        _train(folder, **{"return model.fit": FLIP.strip()}),
        _train(folder, **{"trees = 150": "trees = 5000", "learning_rate = 0.1": "learning_rate = 0.003"}),
    ]
    first, equal, flipped, slow = refs
    folder.lockgate("deploy", first, "--env", "prod")
    rows = _july()
    with house(folder, rows=rows) as up:
        meet = partial(_meet, up, rows)
        climbed = meet(equal, "--authorise")
        assert [one.rung for one in climbed] == ["shadow", "canary", "quarter", LIVE], climbed[-1].checks
        assert {one.evidence.role for one in climbed[1:]} == {"guard"}
        assert _alarms(meet(flipped)) & {"risk", "disagreement", "outputs"}
        # Its answers differ a little, too: whichever is seen first. `test_ladder` has one that is slow and no more.
        assert _alarms(meet(slow)) & {"latency", "risk"}
    assert folder.shell.here("verify", "--all", at=folder.root).code == 0


def _meet(up: House, rows: Rows, ref: str, *options: str) -> list[Deployment]:
    """Put a model on the ladder, and call until it is off it again; no request fails. Its moves."""
    before = len(up.folder.chain())
    up.folder.lockgate("deploy", ref, "--env", "prod", *options)
    with up.callers(rows, labels=True, pause=0.005) as load:
        up.until(lambda standing: standing.candidate is None, 1800)
    assert {one.status for one in load.got} == {200}
    return list(up.folder.chain()[before:])


def _alarms(moves: list[Deployment]) -> set[str]:
    """Of the move that took a model off: the guard's, down."""
    last = moves[-1]
    assert (last.evidence.role, last.move, last.rung) == ("guard", "down", LIVE)
    return alarms(last.checks)
