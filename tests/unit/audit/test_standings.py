"""What a chain of moves comes to, against a model of it that reads backwards; and which way a move leads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockgate.audit.deployments import chain, current, standing_now, standing_of
from lockgate.audit.entries import LIVE, Deployment
from lockgate.audit.standings import Standing, Target, leads_down, standing
from tests.support.evidence import Chronicle, blob
from tests.support.ladder import SHARES, Ladder

_ANY = Chronicle().policy()


def _move(sequence: int, version: int, rung: str) -> Deployment:
    manifest, summary = blob(version), blob("summary", sequence)
    return Deployment(
        _ANY, "dev", "flights", version, manifest, sequence, None, rung, SHARES[rung], summary, 1, "up", ""
    )


_MOVES = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(sorted(SHARES))), max_size=12).map(
    lambda drawn: [_move(n, version, rung) for n, (version, rung) in enumerate([(1, LIVE), *drawn], 1)]
)


def _backwards(moves: list[Deployment]) -> Standing:
    """The same, said otherwise: the last on live; who moved after it last, and how far back it is the same one."""
    live = next(one for one in reversed(moves) if one.rung == LIVE)
    other = [one for one in moves if one.rung == LIVE and one.manifest != live.manifest]
    after = [one for one in moves if one.sequence > live.sequence]
    if not after:
        return Standing(live, previous=other[-1] if other else None)
    first = len(after) - 1
    while first > 0 and after[first - 1].manifest == after[-1].manifest:
        first -= 1
    return Standing(live, after[-1], after[first], other[-1] if other else None)


@given(_MOVES)
def test_a_chain_comes_to_one_standing(moves: list[Deployment]) -> None:
    """Read forwards, move by move, as read backwards from the end; at every point of it."""
    for length in range(1, len(moves) + 1):
        assert _backwards(moves[:length]) == standing(moves[:length])


@given(_MOVES, st.integers(1, 3), st.sampled_from(sorted(SHARES)))
def test_a_move_down_never_gives_a_newer_model_more(moves: list[Deployment], version: int, rung: str) -> None:
    """What is called down: no model above live's version gains traffic, and none on the ladder keeps as much."""
    before = standing(moves)
    target = Target(version, blob(version), rung, SHARES[rung])
    if not leads_down(target, before):
        return
    after = standing([*moves, _move(len(moves) + 1, version, rung)])
    assert before is not None
    assert after is not None
    assert after.live.version <= before.live.version
    if after.candidate is not None:
        assert before.candidate is not None
        assert after.candidate.manifest == before.candidate.manifest
        assert after.candidate.share < before.candidate.share


def test_nothing_comes_of_nothing() -> None:
    """No move, no standing; and then every move leads up."""
    assert standing(()) is None
    assert standing_of("dev", "flights", []) is None
    assert standing_now("dev", "flights", []) == ()
    assert not leads_down(Target(1, blob(1)), None)


def test_what_is_live_is_not_the_newest_move() -> None:
    """Version 2 stands on shadow: live is 1, and both are needed on a machine that serves."""
    log = Ladder()
    live = current("dev", "flights", log.evidences)
    assert live is not None
    assert (live.version, chain("dev", "flights", log.evidences)[-1].version) == (1, 2)
    assert [one.version for one in standing_now("dev", "flights", log.evidences)] == [1, 2]
