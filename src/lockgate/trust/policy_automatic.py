"""What a policy says of approvals that count as given: its form in `policy.toml`, its values, their order. Pure.

    [environment.prod.automatic]
    metric = "roc_auc"
    worse = 0.005
    every = "7 d"

Whether they do count for a model is decided by `audit.automatic`, from statements in the log alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lockgate.core.strict import Document, Key, Table, nearest, number, one_of, text
from lockgate.errors import Usage
from lockgate.trust.policy_order import Difference, Direction
from lockgate.trust.policy_values import BETTER, Better, span

_DAY: Final = 86400.0
SHORTEST: Final = 3600.0
LONGEST: Final = 366 * _DAY


@dataclass(frozen=True)
class AutomaticPolicy:
    """When the approvals of a model that follows a live one count as given.

    Attributes:
        metric: of the judge, of both models, on the same held-out rows.
        worse: the margin: it must be shown that the new model is worse by no more.
        every_days: no two models in so many days.
        better: which way the metric is better.
    """

    metric: str
    worse: float
    every_days: float
    better: Better = "higher"

    def __str__(self) -> str:
        way = f"{self.metric} at most {self.worse:g} worse than the live model's ({self.better} is better)"
        return f"{way}, one in {self.every_days:g} days"


TABLE: Final = Table(
    {
        "metric": Key(text(form=r"[a-z][a-z0-9_]{0,63}", expects="the name of a metric"), None, "The judge's metric."),
        "worse": Key(number(0), None, "How much worse than the live model's it may be."),
        "every": Key(span(SHORTEST, LONGEST), None, 'At most one model in this time, such as "7 d".'),
        "better": Key(one_of("higher", "lower"), None, "Which way is better; known for our metrics."),
    },
    "When the approvals of a model that is no worse than the live one count as given. Without it: never.",
)


def automatic_of(
    environment: str, values: Mapping[str, Any], document: Document, approvals: int
) -> AutomaticPolicy | None:
    """From the table's values; None where nothing is said. Raises Usage LG840 with file and line."""
    path = ("environment", environment, "automatic")
    if path not in document.lines:
        return None
    missing = next((name for name in ("metric", "worse", "every") if values[name] is None), "")
    better = values["better"] or BETTER.get(values["metric"])
    if missing:
        flaw = f"{missing} is missing: write all of metric, worse and every"
    elif better is None:
        near = nearest(values["metric"], list(BETTER))
        hint = f"did you mean {near}?" if near else 'say better = "higher" or "lower"'
        flaw = f"nobody knows which way {values['metric']} is better: {hint}"
    elif approvals == 0:
        flaw = f"{environment} asks for no approval: take this table out, or write approvals = 1"
    else:
        return AutomaticPolicy(values["metric"], values["worse"], values["every"] / _DAY, better)
    raise Usage(
        "LG840",
        f"{document.where(*path)}: {flaw}",
        seen={"environment": environment, "metric": values["metric"]},
        next=f"edit {document.filename}",
    )


def differences(old: AutomaticPolicy | None, new: AutomaticPolicy | None) -> Iterator[Difference]:
    """What became looser and what stricter: less that a person must have approved is looser."""
    if old is None or new is None or (old.metric, old.better) != (new.metric, new.better):
        if old:
            yield Difference("automatic approval", str(old), "never", "stricter")
        if new:
            yield Difference("automatic approval", "never", str(new), "looser")
        return
    if old.worse != new.worse:
        worse = f"{old.worse:g}", f"{new.worse:g}"
        yield Difference("automatic approval worse", *worse, _way(stricter=new.worse < old.worse))
    if old.every_days != new.every_days:
        days = f"{old.every_days:g} days", f"{new.every_days:g} days"
        yield Difference("automatic approval every", *days, _way(stricter=new.every_days > old.every_days))


def _way(*, stricter: bool) -> Direction:
    return "stricter" if stricter else "looser"
