"""The ladder of an environment in lines for people, and for `--json`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from lockgate.core.moments import age, rfc3339
from lockgate.core.shown import shown
from lockgate.deploy.rungs import missing
from lockgate.deploy.spec import Facts, Live, OnLadder, Taken

_MOST_ALARMS = 5


def ladder_lines(one: Live, now: datetime) -> tuple[str, ...]:
    """Who is on the ladder, how far, what the checks say and what to run; who was taken off last by itself."""
    lines = [*_of_candidate(one, one.candidate, now)] if one.candidate is not None else []
    if one.taken is not None:
        lines.append(f"  ! {_taken_words(one.taken, now)}")
    return (*lines, *(f"  next: {command}" for command in ladder_next(one, now)))


def ladder_next(one: Live, now: datetime) -> tuple[str, ...]:
    """What a person runs next; nothing where it goes on by itself, or more evidence has to come."""
    candidate = one.candidate
    if candidate is None:
        return (f"lockgate show {one.taken.ref}",) if one.taken is not None else ()
    ref = f"{one.name}@{candidate.version}"
    if candidate.problem or _alarms(candidate.facts):
        return (f"lockgate rollback {one.environment}",)
    if candidate.rung_policy is None or candidate.facts is None:
        return ()
    if missing(candidate.rung_policy, candidate.facts):
        if not _over(candidate, now):
            return ()
        return (
            f"lockgate deploy {ref} --env {one.environment} --to RUNG --reason ...",
            f"lockgate rollback {one.environment}",
        )
    by_itself = candidate.authorised_until is not None and not _over(candidate, now)
    return () if by_itself else (f"lockgate deploy {ref} --env {one.environment}",)


def ladder_json(one: Live, now: datetime) -> dict[str, Any]:
    """The same for `--json`."""
    candidate, taken = one.candidate, one.taken
    return {
        "environment": one.environment,
        "name": one.name,
        "live": f"{one.name}@{one.version}" if one.version else None,
        "candidate": None if candidate is None else _candidate_json(one.name, candidate, now),
        "taken_off": None
        if taken is None
        else {
            "ref": taken.ref,
            "rung": taken.rung,
            "at": rfc3339(taken.at),
            "reason": taken.reason,
            "checks": taken.checks,
        },
        "next": list(ladder_next(one, now)),
    }


def _of_candidate(one: Live, candidate: OnLadder, now: datetime) -> Iterator[str]:
    share = "beside what is live, unseen" if candidate.share == 0 else f"{candidate.share:.3g} of the traffic"
    yield (
        f"  {one.name}@{candidate.version} is on {candidate.rung} ({share}) since {rfc3339(candidate.since)},"
        f" {age(candidate.since, now)}"
    )
    if candidate.problem:
        yield f"    ! not loaded: {candidate.problem}"
        return
    yield f"    {_progress(candidate, now)}"
    for check in candidate.facts.results if candidate.facts is not None else ():
        if check.available:
            yield f"    {check.check:<13} {check.available}"
        else:
            near = f"{'ALARM ' if check.alarm else ''}{_plain(check.log_e, 2):.2f} of {check.threshold:.2f}"
            told = ", ".join(f"{name} {_plain(value, 9):.4g}" for name, value in check.seen.items())
            yield f"    {check.check:<13} {near}   {check.rows:,} rows   {told}".rstrip()
    for note in candidate.facts.notes if candidate.facts is not None else ():
        yield f"    ! {note.finding} {shown(note.message)}"
    if candidate.authorised_until is not None:
        yield f"    climbs by itself until {rfc3339(candidate.authorised_until)}"
    elif candidate.unattended:
        yield f"    moves up by a deployer's hand: {candidate.unattended}"


def _progress(candidate: OnLadder, now: datetime) -> str:
    if candidate.facts is None:
        return "no numbers: nothing was predicted yet, or the log of predictions cannot be read (lockgate log verify)"
    facts, rung = candidate.facts, candidate.rung_policy
    lacking = missing(rung, facts) if rung is not None else ""
    enough = f"{facts.rows:,} rows and {facts.labels:,} labels: enough"
    held = "; the rung holds, for its longest wait is over (LG554)" if _over(candidate, now) else ""
    return (lacking or enough) + held


def _over(candidate: OnLadder, now: datetime) -> bool:
    rung = candidate.rung_policy
    return rung is not None and (now - candidate.since).total_seconds() > rung.wait


def _alarms(facts: Facts | None) -> list[str]:
    return [one.check for one in facts.results if one.alarm] if facts is not None else []


def _taken_words(taken: Taken, now: datetime) -> str:
    listed = taken.checks.get("results")
    alarms = (
        [one for one in listed if isinstance(one, Mapping) and one.get("alarm")] if isinstance(listed, list) else []
    )
    told = ", ".join(
        f"{one.get('check')} {one.get('log_e')} of {one.get('threshold')}" for one in alarms[:_MOST_ALARMS]
    )
    # Whoever has the guard's key may say what he likes, as long as he likes.
    said = " ".join(shown(part) for part in (told and f"({told})", taken.reason) if part)
    return f"{taken.ref} was taken off {taken.rung} by itself {age(taken.at, now)} ago {said}".rstrip()


def _plain(value: float, digits: int) -> float:
    """Rounded, and nothing is nothing: never `-0.00`."""
    return round(value, digits) + 0.0


def _candidate_json(name: str, candidate: OnLadder, now: datetime) -> dict[str, Any]:
    facts, rung = candidate.facts, candidate.rung_policy
    checks = [] if facts is None else facts.checks.get("results", [])
    return {
        "ref": f"{name}@{candidate.version}",
        "manifest": candidate.manifest,
        "rung": candidate.rung,
        "share": candidate.share,
        "since": rfc3339(candidate.since),
        "problem": candidate.problem,
        "rows": None if facts is None else facts.rows,
        "labels": None if facts is None else facts.labels,
        "rows_wanted": None if rung is None else rung.rows,
        "labels_wanted": None if rung is None else rung.labels,
        "progress": _progress(candidate, now),
        "wait_over": _over(candidate, now),
        "alarms": _alarms(facts),
        "checks": checks,
        "notes": [] if facts is None else [note.as_json() for note in facts.notes],
        "authorised_until": None if candidate.authorised_until is None else rfc3339(candidate.authorised_until),
        "unattended": candidate.unattended,
    }
