"""What a policy says of serving in one environment: its form in `policy.toml`, its values, their order. Pure.

    [environment.prod.serve]
    record = "sealed"

    [environment.prod.serve.output.external]      # by the kind of a client: external, internal
    scores = "label"

No statement is judged by this: the gateway and `predict` do what it says, and know it from the verified policy alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from lockgate.core.strict import Key, Table, number, one_of, whole
from lockgate.trust.policy_order import INFINITE, Difference, Direction
from lockgate.trust.policy_values import span

Scores = Literal["full", "rounded", "top", "label"]
RecordMode = Literal["written", "synced", "sealed"]

KINDS: Final = ("external", "internal")
MOST_DIGITS: Final = 15
MOST_TOP: Final = 1000
MOST_DAYS: Final = 36500
LEAST_RECORD_DAYS: Final = 183
"""Six months, which Regulation (EU) 2024/1689, Article 19(1), asks of the logs of high-risk systems at the least."""
LEAST_STALENESS: Final = 5.0
MOST_STALENESS: Final = 30 * 86400.0


@dataclass(frozen=True)
class OutputRule:
    """What a kind of client gets of the scores. `digits` for `rounded`, `top` for `top`.

    `abstain_below`: the least margin between the two best scores; below it the answer is that there is none. 0: never.
    """

    scores: Scores = "full"
    digits: int = 3
    top: int = 1
    abstain_below: float = 0.0

    def __str__(self) -> str:
        words = {"rounded": f"rounded to {self.digits} digits", "top": f"top {self.top}"}.get(self.scores, self.scores)
        return f"{words}, none below a margin of {self.abstain_below:g}" if self.abstain_below else words


@dataclass(frozen=True)
class ServePolicy:
    """What the signed policy says of serving in one environment. The defaults hold where it says nothing.

    `outputs`: by kind of client; one that is not there gets everything. `record`: what a record must be before its
    answer leaves: `written` to the spool (survives the process), `synced` (survives the machine), `sealed` (in the
    log). `unrecorded`: what happens when it cannot be, after bounded buffering. `payload_days`: how long payloads and
    salts are kept, 0: not at all. `label_days`: how long label lines for monitors are; None: as long as the project.
    `record_days`: how long records are kept at the least, here and in copies; the log itself removes none, ever.
    `shared_rates`, `shared_budgets`: whether requests pass while the shared counters
    cannot be reached. `max_staleness`: seconds for which the gateway answers without seeing how long the event log is;
    `stale`: whether it stops then, or answers on and alarms.
    """

    outputs: Mapping[str, OutputRule] = field(default_factory=dict)
    record: RecordMode = "synced"
    unrecorded: Literal["refuse", "answer"] = "refuse"
    payload_days: int = 0
    shared_rates: Literal["open", "closed"] = "open"
    shared_budgets: Literal["open", "closed"] = "closed"
    max_staleness: float = 60.0
    stale: Literal["stop", "alarm"] = "stop"
    label_days: int | None = None
    record_days: int = LEAST_RECORD_DAYS

    def output(self, kind: str) -> OutputRule:
        """The rule for a kind of client. A kind that no policy can name is an external one."""
        return self.outputs.get(kind if kind in KINDS else "external", _EVERYTHING)


_EVERYTHING: Final = OutputRule()

_OUTPUT: Final = Table(
    {
        "scores": Key(
            one_of("full", "rounded", "top", "label"),
            "full",
            "What is left of the scores: all, all rounded, the best ones alone, none.",
        ),
        "digits": Key(whole(0, MOST_DIGITS), 3, "Digits after the point, for rounded scores and for a number."),
        "top": Key(whole(1, MOST_TOP), 1, 'How many of the best scores, with scores = "top".'),
        "abstain_below": Key(
            number(0, 1),
            0.0,
            "No label where the two best scores are nearer to each other than this. Not for regression.",
        ),
    }
)

TABLE: Final = Table(
    {
        "record": Key(
            one_of("written", "synced", "sealed"),
            "synced",
            "What the record of a prediction must be before its answer leaves: written (survives the process), synced "
            "(survives the machine), sealed (is in the log).",
        ),
        "unrecorded": Key(one_of("refuse", "answer"), "refuse", "What happens when that cannot be done."),
        "payload_days": Key(
            whole(0, MOST_DAYS), 0, "How long requests and answers are kept, sealed to the payload key; 0: not at all."
        ),
        "label_days": Key(
            whole(1, MOST_DAYS), None, "How long label lines for monitors are kept; unset: as long as the project is."
        ),
        "record_days": Key(
            whole(LEAST_RECORD_DAYS, MOST_DAYS),
            LEAST_RECORD_DAYS,
            "How long records of predictions are kept at the least, here and in copies: six months or more. Lockgate "
            "never removes one.",
        ),
        "shared_rates": Key(
            one_of("open", "closed"), "open", "Whether requests pass while shared rate limits cannot be asked."
        ),
        "shared_budgets": Key(
            one_of("open", "closed"), "closed", "Whether requests pass while shared budgets cannot be asked."
        ),
        "max_staleness": Key(
            span(LEAST_STALENESS, MOST_STALENESS), 60.0, "How long answers leave while the event log cannot be seen."
        ),
        "stale": Key(one_of("stop", "alarm"), "stop", "What follows then: no more answers, or an alarm alone."),
        "output": Table(
            dict.fromkeys(KINDS, _OUTPUT), "What a kind of client gets; one that is not named gets everything."
        ),
    },
    "What serving does in this environment. It is no rule about a model.",
)

_STRICTER: Final[Mapping[str, tuple[str, ...]]] = {
    "record": ("written", "synced", "sealed"),
    "unrecorded": ("answer", "refuse"),
    "shared_rates": ("open", "closed"),
    "shared_budgets": ("open", "closed"),
    "stale": ("alarm", "stop"),
}
"""The words of a setting, each stricter than the one before."""


def serving_of(values: Mapping[str, Any]) -> ServePolicy:
    """From the table's values."""
    rest = {name: value for name, value in values.items() if name != "output"}
    outputs = {kind: OutputRule(**each) for kind, each in values["output"].items()}
    return ServePolicy({kind: rule for kind, rule in outputs.items() if rule != _EVERYTHING}, **rest)


def differences(old: ServePolicy, new: ServePolicy) -> Iterator[Difference]:
    """What became looser and what stricter: more that leaves, longer kept, less sure to be recorded is looser."""
    for name, ranks in _STRICTER.items():
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield Difference(f"serve {name}", was, now, _way(ranks.index(now) > ranks.index(was)))
    if old.payload_days != new.payload_days:
        days = (str(old.payload_days), str(new.payload_days))
        yield Difference("serve payload_days", *days, _way(new.payload_days < old.payload_days))
    if old.label_days != new.label_days:
        least, most = [INFINITE if each.label_days is None else each.label_days for each in (new, old)]
        shown = [str(each.label_days or "as long as the project") for each in (old, new)]
        yield Difference("serve label_days", shown[0], shown[1], _way(least < most))
    if old.record_days != new.record_days:
        was, now = str(old.record_days), str(new.record_days)
        yield Difference("serve record_days", was, now, _way(new.record_days > old.record_days))
    if old.max_staleness != new.max_staleness:
        seconds = f"{old.max_staleness:g} s", f"{new.max_staleness:g} s"
        yield Difference("serve max_staleness", *seconds, _way(new.max_staleness < old.max_staleness))
    for kind in KINDS:
        yield from _outputs(f"serve output {kind}", old.output(kind), new.output(kind))


def _outputs(what: str, old: OutputRule, new: OutputRule) -> Iterator[Difference]:
    shown = str(OutputRule(old.scores, old.digits, old.top)), str(OutputRule(new.scores, new.digits, new.top))
    ways = {_way(stricter) for stricter in (True, False) if _tells_more(*((old, new) if stricter else (new, old)))}
    yield from (Difference(what, *shown, way) for way in sorted(ways))
    if old.abstain_below != new.abstain_below:
        margins = f"{old.abstain_below:g}", f"{new.abstain_below:g}"
        yield Difference(f"{what} abstain_below", *margins, _way(new.abstain_below > old.abstain_below))


def _tells_more(one: OutputRule, other: OutputRule) -> bool:
    """Whether some answer under `one` says what the answer under `other` leaves out, for some task.

    Of a number (regression) everything but `full` leaves `digits` digits; of scores only `rounded` does.
    """
    if one.scores == "full" or other.scores == "full":
        return one.scores != other.scores and one.scores == "full"
    finer = one.digits > other.digits
    if one.scores == other.scores == "top":
        return finer or one.top > other.top
    return finer or one.scores not in {other.scores, "label"}


def _way(stricter: bool) -> Direction:  # noqa: FBT001 - read as a sentence
    return "stricter" if stricter else "looser"
