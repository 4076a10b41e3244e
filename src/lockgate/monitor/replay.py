"""Two files compared: what is asked for, and what the jail that compares them answers. Pure, and without numpy.

replay.json is `Replay` as JSON, beside it lies monitor.json (`plan.Plan`), which its streams are places of. Both come
from a jail that read untrusted files: they are believed in this form only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from lockgate.core.encoding import encode
from lockgate.monitor.plan import BINS, Cuts, Plan, Unit

REPLAY = "replay.json"

What: TypeAlias = Literal["missing", "added", "type", "text"]


@dataclass(frozen=True)
class Wish:
    """What a person asks for. `stride` 0: as the rows depend on each other; `time`, `site`: columns of the strata."""

    window: int = 1000
    false_alarms: float = 0.01
    band: float = 0.0
    strata: tuple[Unit, ...] = ()
    time: str = ""
    site: str = ""
    stride: int = 0
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """A column that is not the same in both files; `words` say in what."""

    column: str
    what: What
    words: str


@dataclass(frozen=True)
class Alarm:
    """Streams past the threshold. `row`: of the replayed file, from 0, the one with which the window ended."""

    row: int
    streams: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """How a stream of the plan stood at the end; one that alarmed, as it stood then.

    Attributes:
        place: in the plan.
        log_e, log_restart, log_band: as the detector tells them.
        effect: in sd, of the stratum with the most rows.
        since: the row with which the start began that has won most; None where nothing speaks for a change.
        alarm: the row of its alarm.
        current: rows since then, for each stratum and bin.
        track: row and log e-value, as time went on.
        advice: what may have happened, in words.
    """

    place: int
    log_e: float
    log_restart: float
    log_band: float | None
    effect: float
    since: int | None
    alarm: int | None
    current: tuple[tuple[int, ...], ...]
    track: tuple[tuple[int, float], ...] = ()
    advice: tuple[str, ...] = ()


@dataclass(frozen=True)
class Read:
    """Of the replayed file.

    Attributes:
        rows: all; `counted`: those that were compared, in `windows`, in one stream at least.
        dropped: rows in windows in which each stream was left out, since neighbours depended on each other.
        elsewhere: rows without the columns that say the stratum.
        stride: the largest of a stream at the end, which counts one of so many rows.
        blind: how many streams that have values counted so few rows, or none, that nothing is said of them.
        dependent: the streams whose neighbours depend most, where any do.
        sorted: columns whose values only rise, or only fall: then the order of the rows is hardly that of time.
    """

    rows: int
    counted: int
    windows: int
    dropped: int
    elsewhere: int
    stride: int
    blind: int = 0
    dependent: tuple[str, ...] = ()
    sorted: tuple[str, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether most rows were compared: else no alarm says nothing."""
        return self.counted > self.dropped + self.elsewhere


@dataclass(frozen=True)
class Replay:
    """The whole answer. `reference_rows`: of the reference file, of which the plan's were chosen by chance."""

    v: int
    reference_rows: int
    threshold: float
    read: Read
    alarms: tuple[Alarm, ...]
    changes: tuple[Change, ...]
    streams: tuple[Standing, ...]

    @property
    def enough(self) -> bool:
        """Whether most rows were compared, in half of the streams at least: else no alarm says nothing."""
        return self.read.enough and 2 * self.read.blind <= len(self.streams)

    def encode(self) -> bytes:
        """The bytes of replay.json."""
        return encode(msgspec.to_builtins(self))


def parse_replay(data: bytes, plan: Plan) -> Replay:
    """Read what `Replay.encode` wrote about `plan`. Raises ValueError on everything else."""
    try:
        replay = msgspec.json.decode(data, type=Replay)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if replay.v != 1 or replay.encode() != data:
        raise ValueError("not in the one accepted form")
    if [one.place for one in replay.streams] != [*range(len(plan.streams))]:
        raise ValueError("not one entry for each stream of the plan")
    for one, stream in zip(replay.streams, plan.streams, strict=True):
        if [len(counts) for counts in one.current] != [len(cuts.balls) for cuts in stream.cuts]:
            raise ValueError("not one count for each bin")
    names = {stream.name for stream in plan.streams}
    if not all(set(alarm.streams) <= names for alarm in replay.alarms):
        raise ValueError("an alarm of a stream that the plan has not")
    return replay


def together(current: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The rows of each bin, over all strata."""
    return tuple(sum(counts[place] for counts in current if place < len(counts)) for place in range(_bins(current)))


def expected(cuts: Sequence[Cuts], current: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """The reference's share of each bin, over strata in the proportions in which `current` rows came."""
    rows = [sum(counts) for counts in current]
    weights = rows if sum(rows) else [sum(one.balls) for one in cuts]
    shares = [0.0] * min(_bins(current), BINS)
    for one, weight in zip(cuts, weights, strict=True):
        for place, ball in enumerate(one.balls):
            shares[place] += ball / sum(one.balls) * weight / sum(weights)
    return tuple(shares)


def e_value(log_e: float) -> str:
    """An e-value for people: `23`, `2,000`, `1e40`."""
    if log_e >= math.log(1e6):
        return f"1e{log_e / math.log(10):.0f}"
    value = math.exp(log_e)
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def as_json(replay: Replay, plan: Plan, names: tuple[str, str], labels: Sequence[Sequence[str]]) -> dict[str, Any]:
    """For `--json`. `names` of both files; `labels` of the bins of each stream."""
    streams = []
    for one, stream, words in zip(replay.streams, plan.streams, labels, strict=True):
        shown = {
            "bins": list(words),
            "reference": list(expected(stream.cuts, one.current)),
            "current": list(together(one.current)),
        }
        said = msgspec.to_builtins(one)
        del said["place"], said["current"]
        streams.append({"name": stream.name, "kind": stream.kind, "of": list(stream.of), **said, **shown})
    return {
        "v": 1,
        "alarms": [{"row": alarm.row, "finding": "LG629", "streams": list(alarm.streams)} for alarm in replay.alarms],
        "compared": replay.enough,
        "changes": [{"finding": "LG979", **msgspec.to_builtins(one)} for one in replay.changes],
        "threshold": replay.threshold,
        "reference": {
            "file": names[0],
            "rows": replay.reference_rows,
            "counted": plan.rows,
            "pilot": plan.pilot,
            "stride": plan.stride,
        },
        "replay": {"file": names[1], **msgspec.to_builtins(replay.read)},
        "strata": {"by": list(plan.strata.by), "names": list(plan.strata.names)},
        "unwatched": dict(plan.unwatched),
        "streams": streams,
    }


def _bins(current: Sequence[Sequence[int]]) -> int:
    return max(map(len, current), default=0)
