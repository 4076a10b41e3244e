"""What an attack that is replayed is, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

Stopped = Literal[True, False, "part"]
_NAMES = ("finding", "findings", "id", "rule", "ruleId", "code")


class NotApplicable(Exception):
    """This project has nothing that the attack could be tried on: no result, good or bad. `reason`: in a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Tried:
    """What an attacker did, and what the attempt gave.

    Attributes:
        did: what was tampered with, in one line.
        attempt: the command or request that was to profit from it.
        seen: JSON documents in which the finding is looked for: what `--json` printed, answers of a gateway, entries of
            a log as `log show --json` prints them.
        reached: whether the attacker got what they wanted, whatever was told.
        entry: index of the log entry that tells of it, where there is one.
    """

    did: str
    attempt: str
    seen: tuple[Any, ...] = ()
    reached: bool = False
    entry: int | None = None


@dataclass(frozen=True)
class Drill:
    """One attack.

    Attributes:
        id: permanent, in small letters with hyphens.
        title: what the attacker does, one line without a full stop.
        threat: `LT01`, the threat that it is an instance of.
        control: the control that must stop it, by its id in the catalogue.
        finding: what must be found in what was seen.
        act: plays it in a scene of its own.
        incident: number of the public incident that it replays.
        limit: what the control does not do, in a sentence. With it, an attack that is stopped is stopped "part".
        warns: whether its control may only tell: a policy that warns, a detector that watches. Told is "part" then,
            also where the attacker gets on; anywhere else who gets on was not stopped, whatever was told.
        served: whether it asks a gateway.
    """

    id: str
    title: str
    threat: str
    control: str
    finding: str
    act: Callable[[Scene], Tried]
    incident: int | None = None
    limit: str = ""
    served: bool = False
    warns: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a drill.

    Attributes:
        why: of one that could not be played to its end. It counts as not stopped.
        inapplicable: why the project has nothing to try it on. Such an outcome is no result: see `applies`.
        others: every finding that was told.
    """

    drill: Drill
    tried: Tried
    stopped: Stopped
    finding: str | None
    seconds: float = 0.0
    why: str = ""
    others: tuple[str, ...] = field(default=())
    inapplicable: str = ""

    @property
    def applies(self) -> bool:
        """Whether it is a result."""
        return not self.inapplicable

    def as_json(self) -> dict[str, Any]:
        """For `--json`; also what the statement says of it."""
        value: dict[str, Any] = {
            "id": self.drill.id,
            "threat": self.drill.threat,
            "control": self.drill.control,
            "incident": self.drill.incident,
            "stopped": self.stopped,
            "finding": self.finding,
            "expected": self.drill.finding,
            "title": self.drill.title,
            "did": self.tried.did,
            "attempt": self.tried.attempt,
            "entry": self.tried.entry,
            "reached": self.tried.reached,
            "limit": self.drill.limit or None,
        }
        return value | ({"why": self.why} if self.why else {})


def judged(drill: Drill, tried: Tried, seconds: float = 0.0) -> Outcome:
    """What an attempt shows.

    Stopped: the named finding was told and the attacker got nothing; in part, where the control has a limit that we
    know, or only tells and the attacker got on. Not stopped: the named finding was not told, whatever else was; or it
    was told and the attacker got what they wanted all the same.
    """
    told = sorted({name for document in tried.seen for name in _findings(document)})
    if drill.finding not in told or (tried.reached and not drill.warns):
        return Outcome(drill, tried, False, None, seconds, others=tuple(told))
    part = tried.reached or bool(drill.limit)
    return Outcome(drill, tried, "part" if part else True, drill.finding, seconds, others=tuple(told))


def _findings(document: Any) -> Iterator[str]:
    """Every finding id that stands where a finding is named: not in prose."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name in _NAMES:
                yield from (one for one in (value if isinstance(value, list) else [value]) if _is_id(one))
            yield from _findings(value)
    elif isinstance(document, list):
        for value in document:
            yield from _findings(value)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("LG") and value[2:].isdigit()
