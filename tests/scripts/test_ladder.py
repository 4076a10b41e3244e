"""A ladder end to end, by the real command line and the real gateway: who is as good climbs, who is not comes off.

One after the other, each model meets the same callers in one house. Every move but the first is the house's own, and is
counted again from the log's own records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from lockgate.audit.entries import LIVE, Deployment
from lockgate.audit.standings import Standing
from tests.support.ladder_house import Folder, House, alarms, house
from tests.support.ladder_models import FAR, model
from tests.support.ladders import flights, labelled, ladder_project, policy
from tests.support.load import Got
from tests.support.shell import Done

ROWS = 150
EQUAL, FLIPPED, SLOW, CRASHING, REPLAYED = 2, 3, 4, 5, 6


@dataclass(frozen=True)
class Played:
    """What happened: the chain, every request, and what `verify --all` says when all is over."""

    chain: tuple[Deployment, ...]
    got: list[Got]
    replayed: Mapping[str, Any]
    verified: Done

    def of(self, version: int) -> list[Deployment]:
        """From the move that put a model on the ladder to the one that took it off, or made it live."""
        first = next(place for place, one in enumerate(self.chain) if one.version == version)
        last = next(place for place in range(first, len(self.chain)) if self.chain[place].rung == LIVE)
        return list(self.chain[first : last + 1])


@pytest.fixture(name="played", scope="module")
def _played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """flights@1 is live, four come after it: one as good, one worse for a carrier, one slow, one that crashes."""
    with pytest.MonkeyPatch.context() as patch:
        rules = policy(ROWS, climb="authorised", sticky="request", replay=True)
        project = ladder_project(tmp_path_factory.mktemp("ladder"), patch, rules)
        for made in (model(), model(FAR + 0.001), model(flipped="UA"), model(heavy=20), model(crash="UA")):
            project.register(patch, made)
        project.heldout = labelled(flights(20_000, ROWS + 50))
        project.register(patch, model(FAR + 0.002))
        project.move(1)
        folder = Folder.of(project)
        with house(folder) as up:
            got = [
                *_meet(up, EQUAL, "--authorise"),
                *_meet(up, FLIPPED, labels=True),
                *_meet(up, SLOW, connections=2, pause=0.02),
                *_meet(up, CRASHING, "--to", "canary", "--reason", "for this test"),
            ]
            replayed = _replay(up)
        yield Played(folder.chain(), got, replayed, folder.shell.here("verify", "--all", at=folder.root))


def _meet(up: House, version: int, *options: str, **load: Any) -> list[Got]:
    """Put a version on the ladder, and call until it is off it again; every request."""
    up.folder.lockgate("deploy", f"flights@{version}", *options)
    with up.callers(**load) as calling:
        up.until(_is_alone)
    return calling.got


def _replay(up: House) -> Mapping[str, Any]:
    """Rows in place of callers: put a version on the ladder, replay, and wait until it is a rung up; what it told."""
    ref = f"flights@{REPLAYED}"
    up.folder.lockgate("deploy", ref, "--authorise")
    told = up.folder.lockgate("deploy", ref, "--replay", "--json").json
    up.until(lambda standing: standing.candidate is not None and standing.candidate.rung == "canary")
    up.folder.lockgate("rollback", "dev", "--reason", "for this test")
    return dict(told["replay"])


def _is_alone(standing: Standing) -> bool:
    return standing.candidate is None


def test_the_equal_one_climbs_to_live_by_its_authorisation(played: Played) -> None:
    """Put on the first rung by a deployer, moved up twice by the guard, each time with its numbers and no alarm."""
    moves = played.of(EQUAL)
    assert [(one.rung, one.evidence.role, one.version) for one in moves] == [
        ("shadow", "deployer", EQUAL),
        ("canary", "guard", EQUAL),
        ("live", "guard", EQUAL),
    ], moves[-1].checks
    for one in moves[1:]:
        assert one.checks is not None
        assert one.checks["rows"] >= ROWS
        assert alarms(one.checks) == set()


def test_the_worse_one_is_stopped_by_labels_alone(played: Played) -> None:
    """One carrier's flights are answered the wrong way round: too few to disagree, enough for risk to tell."""
    assert _stopped(played, FLIPPED, "shadow") == {"risk"}


def test_the_slow_one_is_stopped_by_latency(played: Played) -> None:
    """Its answers are the same; they come late."""
    assert _stopped(played, SLOW, "shadow") == {"latency"}


def test_the_crashing_one_is_stopped_by_errors_that_no_caller_saw(played: Played) -> None:
    """It answered callers, and failed on some: they got the live model's answer."""
    assert _stopped(played, CRASHING, "canary") == {"errors"}


def test_rows_that_were_held_out_stand_in_for_shadow_traffic(played: Played) -> None:
    """Nobody called: what both models said of them, sealed by the house, took it to the next rung, and no further."""
    assert (played.replayed["counted"], played.replayed["record"]) == (ROWS + 50, "sealed")
    moves = played.of(REPLAYED)
    assert [(one.rung, one.evidence.role) for one in moves] == [
        ("shadow", "deployer"),
        ("canary", "guard"),
        ("live", "deployer"),
    ]
    assert moves[1].checks is not None
    assert (moves[1].checks["rows"], moves[1].checks["labels"]) == (ROWS + 50, ROWS + 50)
    assert moves[2].move == "down"


def _stopped(played: Played, version: int, rung: str) -> set[str]:
    """The checks that took a model off its first rung: the next move is the guard's, down, back to what is live."""
    on, off = played.of(version)
    assert (on.rung, on.evidence.role) == (rung, "deployer")
    assert (off.rung, off.move, off.version, off.evidence.role) == ("live", "down", EQUAL, "guard")
    return alarms(off.checks)


def test_no_request_failed(played: Played) -> None:
    """Through all moves of the ladder, by whoever was asked."""
    assert len(played.got) > 4 * ROWS
    assert {one.status for one in played.got} == {200}


def test_the_log_bears_every_move_out(played: Played) -> None:
    """`verify --all` counts each check of each move again, from the records, and finds what was signed."""
    assert played.verified.code == 0, played.verified.err
