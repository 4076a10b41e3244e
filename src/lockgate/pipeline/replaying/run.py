"""The shell of a replay: who stands where, which rows, both models, what was counted, the records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from lockgate.audit import deployments
from lockgate.audit.ladder.gather import fits
from lockgate.audit.load import LoadDecision, load_standing
from lockgate.audit.refs import resolve
from lockgate.audit.replays import ROWS, is_replay
from lockgate.audit.standings import Standing
from lockgate.audit.workplace import Workplace
from lockgate.core.record_kinds import FileRecord, ObservedRecord, parse_any
from lockgate.errors import Refused
from lockgate.pipeline.replaying.asking import Asking
from lockgate.pipeline.replaying.compare import Answers, compare, marked
from lockgate.pipeline.replaying.sides import rows_of, sides_of
from lockgate.pipeline.replaying.spec import Replayed, Wanted
from lockgate.pipeline.scoring.record import Place, ask_for_key, enter, fresh_id, log_of
from lockgate.pipeline.scoring.run import SEALING_SECONDS, Progress
from lockgate.serve.evidence import _served
from lockgate.serve.policies import serve_policy
from lockgate.serve.rungs.comparing import Comparer
from lockgate.store.files import writing
from lockgate.supervise.sealing import Sealing
from lockgate.trust.policy_ladder import LadderPolicy

_MARK = f'"{ROWS}":'.encode()


@dataclass(frozen=True)
class Ladder:
    """Who is compared with whom, under which statements."""

    live: LoadDecision
    candidate: LoadDecision
    policy: LadderPolicy
    standing: Standing


def replay(
    place: Workplace,
    wanted: Wanted,
    *,
    sealing: Sealing | None = None,
    progress: Progress = lambda _done, _of: None,
) -> Replayed:
    """Ask the candidate and the live model the same rows, and enter what was counted as evidence of the rung.

    1. REF is the candidate, on a rung without traffic; both may be loaded; the policy lets a replay stand in.
    2. No replay is in the log for this ladder: rows asked twice are the same evidence.
    3. The rows: the candidate's held-out ones, where both have the contract that accepted them; or a file's, judged by
       the contract of each.
    4. Those count that neither model was trained on, each once. There is one at least.
    5. Each model answers in its jail; what it said lies in a file of predictions with its receipt.
    6. Both still stand where they stood.
    7. A record of each file and one of the counts go into the log, together.

    Raises:
        Usage: LG501 to LG503 `ref`; what reading the file raises.
        Refused: LG560 (2), LG561 (3), LG562, LG563 (1), LG564 (3, 4); LG674 the contract accepts no row; LG676 a model
            gave no answer; as `load_standing`.
        VerificationFailed: the evidence does not hold.
        Unavailable: LG732, LG801 the disk.
    """
    # 1.
    ladder = _ladder(place, wanted.ref)
    where = Place(place.home, sealing or Sealing.of(place))
    # 2.
    _refuse_second(ladder, where)
    ask_for_key(where)
    with place.scratch() as scratch, _folder(place, fresh_id()) as folder:
        # 3.
        live, candidate = ladder.live, ladder.candidate
        source, sides = sides_of(place, [live, candidate], wanted, scratch)
        # 4.
        rows, unsure = rows_of(place, sides, source)
        # 5.
        rule = serve_policy(place.ledger.statements(), place.environment).output("internal")
        asking = Asking(place, source, folder, folder.name, rule, progress)
        served = [_served(each, side.closed.spec) for each, side in zip((live, candidate), sides, strict=True)]
        comparer = Comparer(served[0], served[1], ladder.policy.scale or 0.0)
        answers = (Answers(rows, comparer), Answers(rows, comparer))
        files = [asking.ask(sides[seq], each, rows.rows, seq) for seq, each in enumerate(answers)]
        # 6.
        if _ladder(place, wanted.ref) != ladder:
            raise _no_candidate(place, candidate.registration.ref, "it moved while the rows were asked")
        # 7.
        counts = compare(rows, *answers, comparer)
        counts = marked(counts, rows, given=wanted.source is not None, unsure=bool(unsure))
        sealed = enter(where, [*files, _observed(ladder, files[1], counts)], seconds=SEALING_SECONDS)
    return Replayed(
        ref=candidate.registration.ref,
        base=live.registration.ref,
        environment=place.environment,
        rung=candidate.rung,
        step=candidate.sequence,
        manifest=candidate.manifest,
        source=f"held-out rows of {candidate.registration.ref}" if wanted.source is None else source.name,
        rows=rows,
        unsure=unsure,
        counts=counts,
        folder=folder,
        sealed=sealed,
    )


def _ladder(place: Workplace, ref: str) -> Ladder:
    """Step 1, now. Raises as `load_standing`; Refused LG562, LG563."""
    place.ledger.refresh()
    statements = place.ledger.statements()
    registration = resolve(ref, statements, place.environment)
    found = load_standing(statements, place.environment, place.now(), name=registration.name)
    standing = deployments.standing_of(place.environment, registration.name, statements)
    if found.problem is not None:
        raise found.problem
    candidate = found.candidate
    if candidate is None or standing is None or candidate.manifest != registration.manifest:
        raise _no_candidate(place, registration.ref, "it is on no rung")
    if candidate.share:
        raise _no_candidate(place, registration.ref, f"it answers on {candidate.rung}: what it is asked there counts")
    ladder = candidate.policy.ladder
    if not ladder.replay:
        raise Refused(
            "LG563",
            f"the policy of {place.environment} lets no replay stand in for traffic",
            seen={"environment": place.environment, "policy": candidate.summary.policy},
            next=f"set replay = true in [environment.{place.environment}.ladder], then lockgate policy sign",
        )
    return Ladder(found.live, candidate, ladder, standing)


def _refuse_second(ladder: Ladder, where: Place) -> None:
    """Step 2. Raises Refused LG560."""
    log = log_of(where)
    for entry in log.entries(0, log.size) if log else ():
        # Parsed is what may be one: a log has a record for each request.
        record = parse_any(entry) if _MARK in entry else None
        if isinstance(record, ObservedRecord) and is_replay(record.counts) and fits(record, ladder.standing):
            raise Refused(
                "LG560",
                f"{ladder.candidate.registration.ref} has had its replay on this ladder: asked again, rows say no more",
                seen={"gateway": record.gateway, "seq": record.seq, "rows": record.counts[ROWS], "step": record.step},
                next="lockgate status",
            )


@contextmanager
def _folder(place: Workplace, gateway: str) -> Iterator[Path]:
    """A folder of the replay's own; gone again when the block fails. Raises Unavailable LG801."""
    folder = place.home / "state" / "replays" / gateway
    with writing(folder):
        folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise


def _observed(ladder: Ladder, record: FileRecord, counts: Mapping[str, int]) -> ObservedRecord:
    return ObservedRecord(
        gateway=record.gateway,
        seq=record.seq + 1,
        time=record.time,
        model=ladder.candidate.manifest,
        base=ladder.live.manifest,
        environment=record.environment,
        rung=ladder.candidate.rung,
        step=ladder.candidate.sequence,
        counts=counts,
    )


def _no_candidate(place: Workplace, ref: str, why: str) -> Refused:
    return Refused(
        "LG562",
        f"{ref} is no candidate of {place.environment} without traffic: {why}",
        seen={"environment": place.environment},
        next="lockgate status",
    )
