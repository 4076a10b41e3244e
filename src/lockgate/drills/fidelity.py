"""How good a copy of a model gets with so many queries: curves, what they cost, and what a cap would be. Pure but for
the learning itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt

from lockgate.core.stats import Interval, clopper_pearson
from lockgate.drills.surrogate import Floats, agreement
from lockgate.serve.output import shape
from lockgate.serve.spec import OutputRule, Task

if TYPE_CHECKING:
    from lockgate.trust.policy_serving import Scores

FORMS: Final = ("label", "rounded", "full")
"""What may be left of an answer, the least first. Of a number (regression): rounded, full."""
_SMALLEST: Final = 50


@dataclass(frozen=True)
class Point:
    """After `queries` queries: the copy's fidelity, what the answers gave away in bits, and what they cost.

    `fidelity`: the share of held rows with the model's label; of a regression the explained share of its variance.
    """

    queries: int
    fidelity: Interval
    bits: float | None = None
    euros: float | None = None

    def as_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "queries": self.queries,
            "fidelity": self.fidelity.as_json(),
            "bits": None if self.bits is None else round(self.bits, 1),
            "euros": self.euros,
        }


@dataclass(frozen=True)
class Curve:
    """Fidelity against queries. `source`: "natural" or "made up"; `form`: what was left of the answers."""

    source: str
    form: str
    points: tuple[Point, ...]

    def queries_for(self, fidelity: float) -> int | None:
        """The first measured number of queries that reaches it; None where none does."""
        return next((one.queries for one in self.points if one.fidelity.value >= fidelity), None)

    def at(self, queries: float) -> Interval | None:
        """What is reached with so many queries: that of the largest measured number within them."""
        return next((one.fidelity for one in reversed(self.points) if one.queries <= queries), None)

    def as_json(self) -> dict[str, Any]:
        """For reports."""
        return {"source": self.source, "form": self.form, "points": [one.as_json() for one in self.points]}


def sizes(most: int) -> list[int]:
    """Where a curve of at most `most` queries is measured: doubling, and its end."""
    found = []
    size = _SMALLEST
    while size < most:
        found.append(size)
        size *= 2
    return [*found, most] if most else []


def forms_of(task: Task, given: str) -> tuple[str, ...]:
    """The forms that can be had from answers in the form `given`: what is not given away is not known."""
    known = FORMS if given == "full" else FORMS[: FORMS.index(given) + 1] if given in FORMS else FORMS[:1]
    return tuple(form for form in known if task != "regression" or form != "label")


def answers(
    predictions: Sequence[Mapping[str, Any]], form: str, classes: Sequence[Any], task: Task, digits: int
) -> tuple[Floats, str]:
    """What a copy learns from, by the form in which answers leave (`serve.output`); and "label", "scores" or "value".

    One pass of queries gives all forms: the shape is what the gateway itself would have made of the same answer.
    """
    rule = OutputRule(scores=cast("Scores", form), digits=digits)
    shaped = [shape(one, rule, task) for one in predictions]
    if task == "regression":
        return np.array([float(one["value"]) for one in shaped]), "value"
    places = {value: place for place, value in enumerate(classes)}
    if form == "label":
        return np.array([float(places[one["label"]]) for one in shaped]), "label"
    return np.array([list(one["scores"].values()) for one in shaped], dtype=np.float64), "scores"


@dataclass(frozen=True)
class Learning:
    """What all curves of a drill share: rows by which copies are compared, what the model says of them, the seed."""

    held: Floats
    truth: Floats
    task: Task
    seed: int

    def curve(
        self,
        source: str,
        form: str,
        asked: Floats,
        learned: tuple[Floats, str],
        bits: npt.NDArray[np.float64] | None,
        price: float,
        say: Callable[[str], None],
        less: Curve | None = None,
    ) -> Curve:
        """Fit copies to more and more of the answers. `bits`: given away by then; `price`: of 1,000 queries.

        `less`: the curve of a form that says less: who gets more can learn from that alone, so none is below it.
        """
        said, how = learned
        points: list[Point] = []
        for size in sizes(len(asked)):
            reached, right = agreement(
                asked[:size], said[:size], self.held, self.truth, form=how, seed=self.seed + size
            )
            found = Interval(reached) if right is None else clopper_pearson(int(right.sum()), len(right))
            if less is not None and less.points[len(points)].fidelity.value > found.value:
                found = less.points[len(points)].fidelity
            given = None if bits is None or not len(bits) else float(bits[size - 1])
            points.append(Point(size, found, given, size * price / 1000 if price else None))
        last = points[-1].fidelity.value if points else 0.0
        say(f"  {source}, {form}: {last:.3f} after {len(asked):,} queries")
        return Curve(source, form, tuple(points))

    def base(self) -> float:
        """What a copy reaches that was never shown an answer: the commonest label everywhere; of a number, nothing."""
        if self.task == "regression" or not len(self.truth):
            return 0.0
        return float(np.unique(self.truth, return_counts=True)[1].max() / len(self.truth))
