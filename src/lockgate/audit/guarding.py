"""How far the guard's key reaches: down to where a model stood before, and up on a deployer's signed word only. Pure.

The guard is online, so that its key is the first to be stolen. What is asked here is asked of every move of its key by
every reader, on the log as it was before the move.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockgate.audit import entries
from lockgate.audit.standings import Standing, leads_down, lowers, withdraws
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.moments import rfc3339
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.entries import Authorisation, Deployment
    from lockgate.audit.evidence import Evidence
    from lockgate.core.digest import Digest


def check_guard(
    move: Deployment, earlier: Sequence[Deployment], before: Standing | None, evidences: Sequence[Evidence]
) -> None:
    """The guard's `move`, after the moves `earlier`, which came to `before`. Raises VerificationFailed LG522.

    1. The floor is as it was.
    2. Down: off the ladder, to what is live; to a rung that the candidate had on this ladder; or to a lower version
       that was live. Each as it was given then: version, summary, rung and share.
    3. Up: on a ladder authorisation (`why_not`).
    """
    # 1.
    fault = "" if before is not None and move.floor == earlier[-1].floor else "it is the first move, or moves the floor"
    # 2.
    if not fault and before is not None and move.move == "down":
        fault = _why_not_down(move, earlier, before)
    # 3.
    elif not fault and before is not None:
        fault = _why_not_up(move, before, evidences)
    if fault:
        raise _too_far(move, fault)


def next_rung(authorisation: Authorisation, candidate: Deployment) -> tuple[str, float] | None:
    """The rung after the candidate's on the list of an authorisation; None where it is on none of them."""
    following = dict(zip(authorisation.rungs, authorisation.rungs[1:], strict=False))
    return following.get((candidate.rung, candidate.share))


def why_no_climb(authorisation: Authorisation, standing: Standing) -> str:
    """Why an authorisation is none for the candidate of `standing`, in a sentence; "" when it is.

    1. There is a candidate, and the authorisation is for it, here.
    2. It was given while the model stood on this ladder: a withdrawal ends it.
    3. The model stands on a rung of its list that has one after it.
    """
    # 1.
    candidate, since = standing.candidate, standing.since
    if candidate is None or since is None:
        return "no model is on the ladder"
    if _about(authorisation) != _about(candidate):
        return "the authorisation is for another model or environment"
    # 2.
    if authorisation.evidence.index < since.evidence.index:
        return "the authorisation was given for an earlier time on the ladder"
    # 3.
    if next_rung(authorisation, candidate) is None:
        return f"the authorisation does not lead on from {candidate.rung} with the share {candidate.share:g}"
    return ""


def _why_not_down(move: Deployment, earlier: Sequence[Deployment], before: Standing) -> str:
    if not leads_down(move, before):
        return "it says that it moves down, and does not"
    stood: Sequence[Deployment] = earlier
    if withdraws(move, before):
        stood = (before.live,)
    elif lowers(move, before) and before.since is not None:
        stood = [one for one in earlier if one.sequence >= before.since.sequence]
    if _as_given(move) not in map(_as_given, stood):
        return "the model did not stand there before, under that summary and with that share"
    return ""


def _why_not_up(move: Deployment, before: Standing, evidences: Sequence[Evidence]) -> str:
    """1. The authorisation is in the log before the move, by a deployer, and was not taken back until then.
    2. It is for this candidate, on this ladder.
    3. It had not expired when the log took the move.
    4. The move is exactly one rung up, under the summary that the candidate has.
    """
    # 1.
    earlier = [one for one in evidences if one.index < move.evidence.index]
    said = next((one for one in earlier if one.digest == move.authorisation), None)
    if said is None or (said.claim, said.role) != ("authorise", "deployer"):
        return "no ladder authorisation of a deployer stands before it"
    if withdrawn(earlier).hits(said):
        return "the authorisation was revoked"
    # 2.
    authorisation = entries.authorisation(said)
    fault = why_no_climb(authorisation, before)
    if fault or before.candidate is None:
        return fault
    # 3.
    if move.evidence.time >= authorisation.expires:
        return f"the authorisation had expired at {rfc3339(authorisation.expires)}"
    # 4.
    if _about(move) != _about(before.candidate) or move.summary != before.candidate.summary:
        return "it is not the candidate's, under the summary that the candidate has"
    if (move.rung, move.share) != next_rung(authorisation, before.candidate):
        return "it is not to the next rung of the authorisation, with the share that stands there"
    return ""


def _about(one: Deployment | Authorisation) -> tuple[str, str, int, Digest]:
    return one.environment, one.name, one.version, one.manifest


def _as_given(one: Deployment) -> tuple[int, Digest, Digest, str, float]:
    return one.version, one.manifest, one.summary, one.rung, one.share


def _too_far(move: Deployment, fault: str) -> VerificationFailed:
    return VerificationFailed(
        "LG522",
        f"the guard's key moved a model further than it may: {fault}",
        seen={
            "statement": move.evidence.digest,
            "log_index": move.evidence.index,
            "move": move.move,
            "version": move.version,
            "rung": move.rung,
            "share": move.share,
            "authorisation": move.authorisation,
        },
        next="lockgate status",
    )
