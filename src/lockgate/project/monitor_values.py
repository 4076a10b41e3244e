"""What `lockgate monitor` shows of a model that answers, as typed values. Pure; built by `project.watched_models`.

Each e-value is told as its natural logarithm, beside the threshold that it alarms at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lockgate.core.digest import Digest
from lockgate.core.moments import rfc3339


@dataclass(frozen=True)
class SideBySide:
    """The reference and what came since, by bin, over all strata.

    Attributes:
        labels: what lies in each bin, in words.
        reference: shares of the bins, which sum to 1.
        current: rows in each.
    """

    labels: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"bins": list(self.labels), "reference": list(self.reference), "current": list(self.current)}


@dataclass(frozen=True)
class StreamWatch:
    """How far one stream is from an alarm.

    Attributes:
        effect: the largest difference from the reference, in standard deviations of a normal, signed.
        log_band: of the test that allows for the band; None where it was not needed.
        log_restart: of the restart detector, which notices early and alarms nobody.
        since: when the window began from which on most speaks for a change; None where nothing does.
        alarm, notice: whether it is past the threshold, or past that of the restart detector.
    """

    name: str
    kind: str
    of: tuple[str, ...]
    log_e: float
    log_band: float | None
    log_restart: float
    effect: float
    since: datetime | None
    alarm: bool
    notice: bool
    shown: SideBySide

    @property
    def evidence(self) -> float:
        """What has to reach the threshold: where a band is allowed, that for more than the band too."""
        return self.log_e if self.log_band is None else min(self.log_e, self.log_band)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            **vars(self),
            "evidence": self.evidence,
            "of": list(self.of),
            "since": _time(self.since),
            "shown": self.shown.as_json(),
        }


@dataclass(frozen=True)
class Estimate:
    """Accuracy as the scores let expect it (ATC), without labels, beside the one that was judged on held-out rows.

    An estimate, with no error rate: it sees only the part of a loss that shows in the scores.
    """

    accuracy: float
    judged: float
    rows: int

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True)
class Risk:
    """The share of wrong answers among rows whose labels came, with its 95 % confidence sequence: for all times."""

    wrong: float
    labelled: int
    low: float
    high: float

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True)
class AlarmView:
    """An alarm of this model with the reference of now, and what was said of it.

    Attributes:
        streams: name, effect in sd, log e-value and both histograms, as the signed statement says them.
        answered: by whom, when and why; "" while it is open.
        undone: whether the guard was to go back on it, and nobody has made another model live since.
    """

    digest: Digest
    index: int
    time: datetime
    rows: int
    threshold: float
    action: str
    streams: tuple[StreamAlarm, ...]
    answered: str = ""
    undone: bool = False

    @property
    def open(self) -> bool:
        """Whether nobody answered it."""
        return not self.answered

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        said = {"finding": "LG565", "digest": self.digest, "log_index": self.index, "time": rfc3339(self.time)}
        said |= {"open": self.open}
        rest = {"rows": self.rows, "threshold": self.threshold, "action": self.action, "undone": self.undone}
        streams = [one.as_json() for one in self.streams]
        return {**said, **rest, "streams": streams, "answered": self.answered or None}


@dataclass(frozen=True)
class StreamAlarm:
    """One stream of an alarm, as the statement says it."""

    name: str
    kind: str
    log_e: float
    effect: float
    since: datetime | None
    shown: SideBySide

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**vars(self), "since": _time(self.since), "shown": self.shown.as_json()}


@dataclass(frozen=True)
class Counted:
    """How much of what was answered is counted, and how, in this life.

    Attributes:
        rows: that were compared; `dropped`: that were not, for they depended on their neighbours.
        seen: rows answered while windows were counted; `labelled`: rows whose label came.
        stride: one of so many rows is counted in the stream whose neighbours depend most.
        strata: by what rows are told apart; 1 stratum without any.
        newest: when the newest window ended.
    """

    rows: int = 0
    windows: int = 0
    dropped: int = 0
    seen: int = 0
    labelled: int = 0
    stride: int = 1
    strata: int = 1
    by: tuple[str, ...] = ()
    newest: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**vars(self), "by": list(self.by), "newest": _time(self.newest)}


@dataclass(frozen=True)
class ModelWatch:
    """One model that answers in an environment.

    Attributes:
        life: log entry of the statement from which on it is compared anew; 0: since it was made.
        accepted: whether the reference is what a person accepted; else it is the model's own, from validation.
        reference_rows: of the reference that it is compared with.
        threshold: what a stream's log e-value has to reach. `false_alarms`: the chance of an alarm without a change,
            over the whole life and all streams. `band`: differences up to so many sd are nobody's concern.
        streams: the farthest first; `more`: how many there are besides.
        refused: of windows that cannot be, and count for nothing, the first ones (LG774).
        unwatched: fields that are not watched, and why.
        absent: why nothing is watched; "" where something is.
        little: why no alarm says little, for hardly a row is compared (LG697); "" where most are.
        late: rows that a gateway counted in a life that was over (LG699).
    """

    environment: str
    ref: str
    manifest: Digest
    rung: str
    life: int = 0
    reference_rows: int = 0
    counted: Counted = field(default_factory=Counted)
    false_alarms: float = 0.0
    band: float = 0.0
    threshold: float = 0.0
    streams: tuple[StreamWatch, ...] = ()
    more: int = 0
    estimate: Estimate | None = None
    risk: Risk | None = None
    alarms: tuple[AlarmView, ...] = ()
    unwatched: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    absent: str = ""
    little: str = ""
    late: int = 0
    accepted: bool = False

    @property
    def open_alarms(self) -> tuple[AlarmView, ...]:
        """Those that nobody answered, oldest first."""
        return tuple(one for one in self.alarms if one.open)

    @property
    def notices(self) -> tuple[StreamWatch, ...]:
        """Streams of which the restart detector says that something changed lately, and that do not alarm."""
        return tuple(one for one in self.streams if one.notice and not one.alarm)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        nested = {
            "counted": self.counted.as_json(),
            "streams": [one.as_json() for one in self.streams],
            "estimate": None if self.estimate is None else self.estimate.as_json(),
            "risk": None if self.risk is None else self.risk.as_json(),
            "alarms": [one.as_json() for one in self.alarms],
            "unwatched": dict(self.unwatched),
            "refused": list(self.refused),
            "absent": self.absent or None,
            "little": self.little or None,
        }
        return {**vars(self), **nested, "notices": [one.name for one in self.notices]}


def commands(one: ModelWatch) -> tuple[str, ...]:
    """What to run for a model with an alarm that nobody answered; nothing else needs a person."""
    if not one.open_alarms:
        return ()
    name = named(one.open_alarms[-1].digest)
    back = f"lockgate rollback {one.environment}"
    return (
        f'lockgate monitor ack {name} --reason "..."      # seen; the test begins anew',
        f'lockgate monitor accept {name} --reason "..."   # this is how it is now: the new reference',
        f"{back}   # or go back, or train anew: lockgate run",
    )


def named(digest: Digest) -> str:
    """An alarm as people name it: the first digits of its statement's digest."""
    return digest.removeprefix("sha256:")[:12]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
