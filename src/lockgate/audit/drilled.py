"""Statements of drills: which attacks were replayed against a copy of the project, and what came of each. Pure.

    drill   by a judge, an in-toto test result about one program: `drills`, what came of each; `policy`, the one in
            force, and what of it the copy could not have; `machine`, `log`, where and when

Read strictly: a field that is missing, strange or not known, a result that is told in two ways, a statement that is
dated after the log took it raise VerificationFailed LG526, so that nothing of the kind is ever sealed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from lockgate.audit.evidence import PENDING, Evidence, signed_time
from lockgate.audit.fields import count_of, digest_in, malformed, mapping_of, text_of
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.moments import rfc3339
from lockgate.core.statement import Statement, Subject, digest_of_resource, test_result
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.core.checkpoint import Checkpoint
    from lockgate.core.digest import Digest

CLAIM: Final = "drill"
Stopped = Literal[True, False, "part"]
RESULT_FIELDS: Final = ("id", "threat", "control", "incident", "stopped", "finding", "expected")
DRILL_FIELDS: Final = frozenset(
    {
        *("result", "configuration", "passedTests", "warnedTests", "failedTests"),
        *("time", "project", "program", "policy", "machine", "log", "drills", "inapplicable"),
        *("environment", "model", "rows"),
    }
)
MOST: Final = 500
ENOUGH: Final = 5_000
"""Rows: a copy with so many shows what the whole does. A drill takes no fewer by itself."""
CLOCKS: Final = timedelta(minutes=5)
"""How far the clocks of two machines may be apart."""

_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
_THREAT: Final = re.compile(r"LT[0-9]{2}")
_FINDING: Final = re.compile(r"LG[1-9][0-9]{2,3}")
_NAMES: Final = {True: "passedTests", "part": "warnedTests", False: "failedTests"}


@dataclass(frozen=True)
class Result:
    """What came of one drill.

    Attributes:
        threat: what it is an instance of. control: what should stop it, with the finding `expected`.
        finding: what did stop it; None where nothing that should.
    """

    id: str
    threat: str
    control: str
    stopped: Stopped
    finding: str | None
    expected: str


@dataclass(frozen=True)
class Drilled:
    """One statement of drills.

    Attributes:
        version, program: of the program that was attacked; `program` is the digest of all its files.
        policy: the policy that the copy was founded with; `left_out`: what of it a copy cannot have.
        level: of the jails on the machine where they were played.
        inapplicable: drills that cannot be played on this project, and why.
        environment: by whose rules they were played; model: of several, which; rows: how many the copy had, 0: all.
        at: when it was said.
    """

    evidence: Evidence
    version: str
    program: Digest
    policy: Digest
    left_out: tuple[str, ...]
    level: int
    results: tuple[Result, ...]
    inapplicable: Mapping[str, str]
    environment: str
    model: str
    rows: int

    @property
    def at(self) -> datetime:
        """When it was said: never later than the log took it."""
        return self.evidence.said_at


@dataclass(frozen=True)
class Played:
    """Drills that were played, as their outcomes tell it (`Outcome.as_json`), and by which program.

    `inapplicable`: by id, why a drill cannot be played on this project. `environment`, `model`, `rows`: see `Drilled`.
    `policy`: the one that the copy was made of, as it was before that; None: the one in force when it is signed.
    """

    drills: Sequence[Mapping[str, Any]]
    version: str
    program: Digest
    left_out: tuple[str, ...] = ()
    inapplicable: Mapping[str, str] = field(default_factory=dict)
    environment: str = ""
    model: str = ""
    rows: int = 0
    policy: Digest | None = None


def drill_statement(
    played: Played, *, policy: tuple[Digest, int], machine: Mapping[str, Any], log: Checkpoint, now: datetime
) -> Statement:
    """What the judge signs. `policy`: digest and version of the one in force. Pure."""
    told = [{key: one[key] for key in RESULT_FIELDS} for one in played.drills]
    names = {stopped: [one["id"] for one in told if one["stopped"] == stopped] for stopped in _NAMES}
    digest, version = policy
    return test_result(
        CLAIM,
        [Subject(f"lockgate-{played.version}", played.program)],
        _verdict(names),
        rules=digest,
        passed=names[True],
        warned=names["part"],
        failed=names[False],
        time=rfc3339(now),
        program={"version": played.version, "digest": played.program},
        policy={"digest": digest, "version": version, "left_out": list(played.left_out)},
        machine=dict(machine),
        log={"size": log.size, "root": log.root.hex()},
        drills=told,
        inapplicable=dict(played.inapplicable),
        environment=played.environment,
        model=played.model,
        rows=played.rows,
    )


def drilled(one: Evidence) -> Drilled:
    """Read one statement of drills. Raises VerificationFailed LG526.

    1. It says what it must and nothing else, about the program that it names.
    2. It is not dated after the log took it, and tells of a log no longer than the one that it is in.
    3. Each drill stands once; the lists of a test result and its verdict say the same as the results.
    """
    # 1.
    said = one.predicate
    if strange := sorted(set(said) - DRILL_FIELDS):
        raise malformed(one, strange[0])
    program, policy, machine, log = (mapping_of(one, name) for name in ("program", "policy", "machine", "log"))
    digest = digest_in(one, program.get("digest"), "program.digest")
    version = program.get("version")
    if not isinstance(version, str) or [each.digest for each in one.statement.subjects] != [digest]:
        raise malformed(one, "program")
    ruled = digest_in(one, policy.get("digest"), "policy.digest")
    count_of(one, policy.get("version"), "policy.version")
    if _descriptor(one) != ruled:
        raise malformed(one, "configuration")
    level, left_out = machine.get("level"), policy.get("left_out")
    if type(level) is not int or not 0 <= level <= 3:
        raise malformed(one, "machine.level")
    if not isinstance(left_out, list) or not all(isinstance(each, str) for each in left_out):
        raise malformed(one, "policy.left_out")
    # 2.
    text_of(one, "time")
    when = signed_time(one.statement)
    if when is None or when > one.time + CLOCKS:
        raise malformed(one, "time")
    size = count_of(one, log.get("size"), "log.size")
    if one.index != PENDING and size > one.index:
        raise malformed(one, "log.size")
    # 3.
    results, others = _results(one), mapping_of(one, "inapplicable")
    if len(others) > MOST or not all(_ID.fullmatch(name) and isinstance(why, str) for name, why in others.items()):
        raise malformed(one, "inapplicable")
    if any(each.id in others for each in results):
        raise malformed(one, "drills.id")
    return Drilled(one, version, digest, ruled, tuple(left_out), level, results, others, *_where(one))


def _where(one: Evidence) -> tuple[str, str, int]:
    """By whose rules, of which model, with how many rows."""
    environment, model, rows = (one.predicate.get(name) for name in ("environment", "model", "rows"))
    if not isinstance(environment, str):
        raise malformed(one, "environment")
    if not isinstance(model, str):
        raise malformed(one, "model")
    if type(rows) is not int or rows < 0:
        raise malformed(one, "rows")
    return environment, model, rows


Newest: TypeAlias = tuple[Drilled, Result | None]


def newest(
    statements: Sequence[Evidence],
    model: str = "",
    counts: Callable[[Drilled], bool] = lambda _: True,
    genuine: Callable[[Result], bool] = lambda _: True,
) -> dict[str, Newest]:
    """What is to be said of each drill: the newest result, by when it was said; of one moment the later in the log.

    `model`: of several, the one that is asked about; what was played of another one says nothing of it. `counts`:
    whether the rules by which a statement's drills were played say something of those that are asked about; others are
    told where there is nothing else. `genuine`: whether a result is one of the drill that it names; another one is
    passed over unless the attack got through.

    A failure stays until the same drill is stopped by the same environment's rules, on as many rows (or `ENOUGH`); that
    it cannot be played here (None) takes nothing back. What was taken back, or was signed by a key that was, is none,
    and leaves none of its drills with the success that was there before it: only with a failure.
    """
    gone = withdrawn(statements)
    listed = sorted((one for one in statements if one.claim == CLAIM), key=lambda one: (one.said_at, one.index))
    standing: dict[str, dict[tuple[str, str], Newest]] = {}
    for evidence in listed:
        hit = gone.hits(evidence)
        one = _readable(evidence) if hit else drilled(evidence)
        if one is None or (model and one.model not in ("", model)):
            continue
        where = (one.environment, "" if model else one.model)
        results = {each.id: each for each in one.results if each.stopped is False or genuine(each)}
        for name, result in {**dict.fromkeys(one.inapplicable), **results}.items():
            rules = standing.setdefault(name, {})
            before = rules.get(where)
            if before is not None and _failed(before) and not _replaces(before[0], one, result):
                continue
            if not hit:
                rules[where] = (one, result)
            elif before is None or not _failed(before):
                rules.pop(where, None)
    return {name: _worst(rules.values(), counts) for name, rules in standing.items() if rules}


def _worst(found: Iterable[Newest], counts: Callable[[Drilled], bool]) -> Newest:
    """Of one for each environment: a failure first, then the newest; of those whose rules count, if there are any."""
    known = list(found)
    mine = [each for each in known if counts(each[0])] or known
    return max(mine, key=lambda each: (_failed(each), each[0].at, each[0].evidence.index))


def _failed(one: Newest) -> bool:
    return one[1] is not None and one[1].stopped is False


def _replaces(failed: Drilled, one: Drilled, result: Result | None) -> bool:
    """Whether a later result takes the place of a failure."""
    if result is None:
        return False
    least = min(failed.rows or ENOUGH, ENOUGH)
    return result.stopped is False or one.rows == 0 or one.rows >= least


def _readable(withdrawn: Evidence) -> Drilled | None:
    """What a statement said that was taken back. One that says nothing clear stops nobody any more."""
    try:
        return drilled(withdrawn)
    except VerificationFailed:
        return None


def _results(one: Evidence) -> tuple[Result, ...]:
    listed = one.predicate.get("drills")
    if not isinstance(listed, list) or len(listed) > MOST:
        raise malformed(one, "drills")
    found = tuple(_result(one, each) for each in listed)
    if len({each.id for each in found}) != len(found):
        raise malformed(one, "drills.id")
    names = {stopped: [each.id for each in found if each.stopped == stopped] for stopped in _NAMES}
    for stopped, key in _NAMES.items():
        if one.predicate.get(key) != names[stopped]:
            raise malformed(one, key)
    if one.predicate.get("result") != _verdict(names):
        raise malformed(one, "result")
    return found


def _result(one: Evidence, value: object) -> Result:
    if not isinstance(value, Mapping) or set(value) != set(RESULT_FIELDS):
        raise malformed(one, "drills")
    stopped, finding, expected, incident = (value[key] for key in ("stopped", "finding", "expected", "incident"))
    for key, form in (("id", _ID), ("threat", _THREAT), ("control", _ID)):
        if not isinstance(value[key], str) or not form.fullmatch(value[key]):
            raise malformed(one, f"drills.{key}")
    if not (incident is None or type(incident) is int):
        raise malformed(one, "drills.incident")
    # 1 and True are equal, and only one of them is JSON's `true`.
    if not (stopped == "part" or type(stopped) is bool):
        raise malformed(one, "drills.stopped")
    if not isinstance(expected, str) or not _FINDING.fullmatch(expected):
        raise malformed(one, "drills.expected")
    if finding != (None if stopped is False else expected):
        raise malformed(one, "drills.finding")
    return Result(value["id"], value["threat"], value["control"], cast("Stopped", stopped), finding, expected)


def _verdict(names: Mapping[Any, Iterable[str]]) -> str:
    if names[False]:
        return "FAILED"
    return "WARNED" if names["part"] else "PASSED"


def _descriptor(one: Evidence) -> Digest | None:
    listed = one.predicate.get("configuration")
    try:
        return digest_of_resource(listed[0]) if isinstance(listed, list) and len(listed) == 1 else None
    except ValueError:
        return None
