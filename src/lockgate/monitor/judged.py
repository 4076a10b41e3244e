"""The plan of what a model answers, made of its outputs on the held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lockgate.monitor.making import LEAST_ROWS, Reference, Wanted, category, with_cuts
from lockgate.monitor.outputs import ABOVE, CLASS, CONFIDENCE, LOSS, MARGIN, VALUE
from lockgate.monitor.plan import Plan, Stream
from lockgate.monitor.values import Array, Floats


def make(columns: Mapping[str, Array], task: str, loss: Floats, *, seed: int, wanted: Wanted | None = None) -> Plan:
    """`columns`: of `outputs`, and the fields that say the stratum; `loss`: as `outputs.losses` makes it.

    A plan without streams where there are fewer rows than LEAST_ROWS.
    """
    wanted = wanted or Wanted()
    if len(loss) < LEAST_ROWS:
        return Plan((), 0, 0)
    reference = Reference({**columns, LOSS: loss}, len(loss), np.random.default_rng(seed))
    pilot = reference.of_pilot()
    accuracy = None if task == "regression" else 1 - float(pilot[LOSS].mean())
    also = {} if accuracy is None else {MARGIN: min(max(1 - accuracy, _LEAST), 1 - _LEAST)}
    watched = _streams(task, pilot)
    chosen, parts = reference.strata(wanted, pilot, len(watched))
    streams, left = with_cuts(watched, {}, reference, parts, wanted, also)
    plan = Plan(streams, sum(map(len, parts)), len(reference.pilot), chosen, unwatched=left)
    return (
        plan
        if accuracy is None or MARGIN in left
        else replace(plan, about=_about(plan, columns[MARGIN], loss, also[MARGIN]))
    )


_LEAST = 1e-9


def _streams(task: str, pilot: Mapping[str, Array]) -> list[Stream]:
    if task == "regression":
        return [Stream(VALUE, "value", (), ()), Stream(LOSS, "loss", (), ())]
    return [
        category(CLASS, "class", (), pilot[CLASS]),
        Stream(MARGIN, "margin", (), ()),
        Stream(CONFIDENCE, "confidence", (), ()),
        Stream(LOSS, "loss", (), (), categories=(False, True)),
    ]


def _about(plan: Plan, margins: Floats, loss: Floats, below: float) -> dict[str, float]:
    """ATC's threshold: the share of margins below it is that of wrong answers in the pilot."""
    margin = next(stream for stream in plan.streams if stream.name == MARGIN)
    found = {
        "accuracy": 1 - float(loss.mean()),
        "rows": float(len(loss)),
        "threshold": float(np.quantile(margins, below)),
    }
    for stratum, cuts in enumerate(margin.cuts):
        rows = sum(cuts.balls) - 1
        rank = min(max(round(below * rows), 1), rows)
        ends = np.cumsum(cuts.balls).tolist()
        if rank in ends:
            found[f"{ABOVE}{stratum}"] = float(ends.index(rank) + 1)
    return found
