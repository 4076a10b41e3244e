"""What the event log says of alarms: which were raised, and which a person has answered. Pure.

    alarm         by the guard: streams of a model whose counts the log of predictions no longer lets be chance
    acknowledge   by an approver: an alarm was seen; with `accept`, what was seen is the reference from now on

With an answer a new life of the test begins: `audit.lives`. Without numpy: gateways read this.

Read strictly: a field that is missing, strange or not known raises VerificationFailed LG526, naming it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeGuard, cast, get_args

from lockgate.audit.fields import count_of, digest_in, malformed, mapping_of, text_of, time_of
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.digest import Digest
from lockgate.core.record_window import MOST_BINS
from lockgate.monitor.plan import MOST_STRATA, MOST_STREAMS, STREAM_KINDS

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

Action = Literal["tell", "rollback", "abstain"]
Test = Literal["lifetime", "restart"]
Balls: TypeAlias = tuple[tuple[tuple[int, ...], ...], ...]
"""Of each stream, in each stratum, the balls of each bin."""

ACTIONS: Final[tuple[str, ...]] = get_args(Action)
TESTS: Final[tuple[str, ...]] = get_args(Test)
COUNTING: Final = 1
"""Which way of counting an alarm's numbers are of. Another Lockgate may count another way, and then says so."""
MOST_NAME: Final = 500
_MOST: Final = 2**53
_ROOT: Final = re.compile(r"[0-9a-f]{64}")

ALARM_FIELDS: Final = frozenset(
    {
        *("claim", "time", "project", "environment", "name", "version", "manifest", "life", "log", "counting", "test"),
        *("false_alarms", "band", "run_length", "threshold", "rows", "streams", "action"),
    }
)
ACKNOWLEDGE_FIELDS: Final = frozenset(
    {"claim", "time", "project", "environment", "name", "version", "manifest", "alarm", "reason", "accept"}
)
_STREAM_FIELDS: Final = frozenset({"name", "kind", "log_e", "log_band", "effect", "since", "reference", "current"})


@dataclass(frozen=True)
class AlarmStream:
    """One stream that alarms.

    Attributes:
        log_e: the evidence; `log_band`: that for more than the band, None where no band is set.
        effect: the largest difference, in standard deviations, signed.
        since: the record (its index in the log of predictions) with which the best start began.
        reference: the masses that the bins would have; `current`: the rows in them since then, over all strata.
    """

    name: str
    kind: str
    log_e: float
    log_band: float | None
    effect: float
    since: int
    reference: tuple[float, ...]
    current: tuple[int, ...]


@dataclass(frozen=True)
class Alarm:
    """The guard's word that these streams of a model alarm, in one life, by the first `size` records of the log.

    `threshold`: what `log_e` reached. `run_length`: of the test `restart`, in thousands of rows. `action`: what the
    policy says is done of it.
    """

    evidence: Evidence
    environment: str
    name: str
    version: int
    manifest: Digest
    life: int
    size: int
    root: bytes
    counting: int
    test: Test
    false_alarms: float
    band: float
    run_length: float
    threshold: float
    rows: int
    streams: tuple[AlarmStream, ...]
    action: Action

    @property
    def digest(self) -> Digest:
        """By which an acknowledgement names it."""
        return self.evidence.digest

    @property
    def model(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Accepted:
    """The records in [start, stop) of the log of predictions are the reference from then on, as these balls."""

    start: int
    stop: int
    balls: Balls


@dataclass(frozen=True)
class Acknowledgement:
    """An approver's word on an alarm; with `accept` on what is the reference from then on."""

    evidence: Evidence
    environment: str
    name: str
    version: int
    manifest: Digest
    alarm: Digest
    reason: str
    accept: Accepted | None


def alarms(statements: Sequence[Evidence], environment: str, name: str = "") -> list[Alarm]:
    """All alarms of the models under `name` (or of all) there, oldest first, but for those that were taken back."""
    gone = withdrawn(statements)
    found = [alarm(one) for one in statements if one.claim == "alarm" and not gone.hits(one)]
    return [one for one in found if one.environment == environment and name in ("", one.name)]


def acknowledgements(statements: Sequence[Evidence], environment: str, name: str = "") -> list[Acknowledgement]:
    """All that answer an alarm that stood there before them, of the same model; but for those that were taken back."""
    gone = withdrawn(statements)
    known = {one.digest: one for one in alarms(statements, environment, name)}
    found = [acknowledgement(one) for one in statements if one.claim == "acknowledge" and not gone.hits(one)]
    return [one for one in found if one.environment == environment and _answers(one, known.get(one.alarm))]


def alarm(one: Evidence) -> Alarm:
    """Read one alarm. Raises VerificationFailed LG526."""
    _only(one, ALARM_FIELDS)
    log, said = mapping_of(one, "log"), one.predicate
    if set(log) != {"size", "root"} or not isinstance(log["root"], str) or not _ROOT.fullmatch(log["root"]):
        raise malformed(one, "log")
    listed = said.get("streams")
    if not isinstance(listed, list) or not 0 < len(listed) <= 2 * MOST_STREAMS:
        raise malformed(one, "streams")
    found = Alarm(
        one,
        *_model(one),
        _whole(one, said.get("life"), "life"),
        _whole(one, log["size"], "log.size"),
        bytes.fromhex(log["root"]),
        count_of(one, said.get("counting"), "counting"),
        cast("Test", _word(one, "test", TESTS)),
        _number(one, said.get("false_alarms"), "false_alarms"),
        _number(one, said.get("band"), "band"),
        _number(one, said.get("run_length"), "run_length"),
        _number(one, said.get("threshold"), "threshold"),
        _whole(one, said.get("rows"), "rows"),
        tuple(_stream(one, each) for each in listed),
        cast("Action", _word(one, "action", ACTIONS)),
    )
    names = [stream.name for stream in found.streams]
    if len({*names}) != len(names) or any(stream.since >= found.size for stream in found.streams):
        raise malformed(one, "streams")
    return found


def acknowledgement(one: Evidence) -> Acknowledgement:
    """Read one acknowledgement. Raises VerificationFailed LG526."""
    _only(one, ACKNOWLEDGE_FIELDS)
    accept = one.predicate.get("accept")
    return Acknowledgement(
        one,
        *_model(one),
        digest_in(one, one.predicate.get("alarm"), "alarm"),
        text_of(one, "reason"),
        None if accept is None else _accepted(one, accept),
    )


def _answers(one: Acknowledgement, said: Alarm | None) -> bool:
    return said is not None and said.manifest == one.manifest and said.evidence.index < one.evidence.index


def _model(one: Evidence) -> tuple[str, str, int, Digest]:
    time_of(one, "time")
    manifest = digest_in(one, one.predicate.get("manifest"), "manifest")
    if [subject.digest for subject in one.statement.subjects] != [manifest]:
        raise malformed(one, "subject")
    version = count_of(one, one.predicate.get("version"), "version")
    return text_of(one, "environment"), text_of(one, "name"), version, manifest


def _stream(one: Evidence, value: Any) -> AlarmStream:
    if not isinstance(value, Mapping) or set(value) != _STREAM_FIELDS:
        raise malformed(one, "streams")
    name, reference, current = value["name"], value["reference"], value["current"]
    if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME or value["kind"] not in STREAM_KINDS:
        raise malformed(one, "streams.name, streams.kind")
    if not _are_bins(reference) or not _are_bins(current) or len(reference) != len(current):
        raise malformed(one, "streams.reference, streams.current")
    band = value["log_band"]
    return AlarmStream(
        name,
        value["kind"],
        _number(one, value["log_e"], "streams.log_e"),
        None if band is None else _number(one, band, "streams.log_band"),
        _number(one, value["effect"], "streams.effect"),
        _whole(one, value["since"], "streams.since"),
        tuple(_number(one, each, "streams.reference") for each in reference),
        tuple(_whole(one, each, "streams.current") for each in current),
    )


def _accepted(one: Evidence, value: Any) -> Accepted:
    if not isinstance(value, Mapping) or set(value) != {"from", "to", "balls"}:
        raise malformed(one, "accept")
    start, stop = (_whole(one, value[key], f"accept.{key}") for key in ("from", "to"))
    balls = value["balls"]
    if start >= stop or not isinstance(balls, list) or not 0 < len(balls) <= 2 * MOST_STREAMS:
        raise malformed(one, "accept")
    for strata in balls:
        if not isinstance(strata, list) or not 0 < len(strata) <= MOST_STRATA or not all(map(_are_balls, strata)):
            raise malformed(one, "accept.balls")
    return Accepted(start, stop, tuple(tuple(tuple(each) for each in strata) for strata in balls))


def _are_bins(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and 0 < len(value) <= MOST_BINS


def _are_balls(value: object) -> bool:
    return _are_bins(value) and all(type(each) is int and 0 < each <= _MOST for each in value)


def _only(one: Evidence, known: frozenset[str]) -> None:
    unknown = sorted(set(one.predicate) - known)
    if unknown:
        raise malformed(one, ", ".join(unknown))


def _word(one: Evidence, key: str, known: Sequence[str]) -> str:
    if one.predicate.get(key) not in known:
        raise malformed(one, key)
    return text_of(one, key)


def _whole(one: Evidence, value: object, key: str) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise malformed(one, key)
    return value


def _number(one: Evidence, value: object, key: str) -> float:
    if type(value) not in {int, float} or not math.isfinite(cast("float", value)) or abs(cast("float", value)) > _MOST:
        raise malformed(one, key)
    return float(cast("float", value))
