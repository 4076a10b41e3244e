"""Does the ONNX graph say what the estimator says? Rows are asked of both. Runs in the jail.

Tolerance: 1e-5 in each probability; for regression 1e-4 of the larger of the answer and the answers' spread, which is
the distance of their quartiles (`spread`): one answer that lies far out must not excuse the others.

A graph counts in 32 bits. Where a number lies so close to a split that 32 bits put it on the other side, a right graph
and its estimator differ, and by much. Such a row is *explained* when the graph's answer is one of those that the
estimator itself gives for the row in 32 bits: each number that 32 bits do not hold exactly is replaced by the nearest
one that they hold, or by its neighbour on either side. Where these answers lie close together, one between them counts
as well: what rounds in the middle of a sum is no whole step of the input. Between answers that lie far apart nothing
does. Numbers that 32 bits hold exactly stay as they are, so a graph that takes the wrong branch at a whole number or at
a category is never explained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.errors import Refused
from lockgate.runtime.jail.predict import Model, ModelError, Outputs
from lockgate.runtime.serving import ServingSpec
from lockgate.train.jail.exporters.base import Answers, Exported, Fitted
from lockgate.train.jail.frame import Rows
from lockgate.train.jail.in_32_bits import in_32_bits
from lockgate.train.jail.judge import answers
from lockgate.train.jail.spread import spread

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

PROBABILITY = 1e-5
RELATIVE = 1e-4
_CLOSE = 100  # tolerances
_AT_A_TIME = 2_000
_MOST_SHOWN = 12


@dataclass(frozen=True)
class Compared:
    """What came of a comparison.

    Attributes:
        facts: numbers only, fit for a statement.
        record: the worst row's values, for the person who has the rows anyway.
        wanted, said: what the estimator and the graph say of each row.
        left: the places of rows beyond the tolerance that nothing explains.
        beyond: which rows are beyond it, explained or not.
    """

    facts: dict[str, Any]
    record: dict[str, Any]
    wanted: Answers
    said: Outputs
    left: npt.NDArray[np.int64]
    beyond: npt.NDArray[np.int64]


def loaded(exported: Exported) -> Model:
    """The graph, ready to be asked. Raises Refused LG312."""
    beside = None if exported.data is None else memoryview(exported.data)
    return opened(exported.model, exported.spec, beside)


def opened(model: bytes, spec: ServingSpec, data: memoryview | None) -> Model:
    """As `loaded`, of files."""
    try:
        return Model(model, spec, data=data)
    except ModelError as error:
        raise _does_not_run(error) from None


def compare(fitted: Fitted, model: Model, rows: Rows, limit: float) -> Compared:
    """Ask both of every row. Where more than `limit` of the rows are beyond and unexplained, no further one is looked
    at. Raises Refused LG312 when the graph cannot be run on the rows.
    """
    try:
        said = answers(model, rows)
    except ModelError as error:
        raise _does_not_run(error) from None
    wanted = fitted.answers(rows.data)
    pair = _Pair.of(wanted, said)
    beyond = np.flatnonzero(pair.difference > 1)
    explained = _explained(fitted, rows, pair, beyond, limit * len(rows.data))
    left = beyond[~explained]
    places = left if left.size else np.arange(len(rows.data))
    worst = int(places[np.argmax(pair.difference[places])])
    facts = {
        "rows": len(rows.data),
        "tolerance": pair.tolerance,
        "beyond": len(beyond),
        "share": round(len(beyond) / len(rows.data), 9),
        "explained": int(explained.sum()),
        "worst": {
            "row": worst,
            "difference": float(f"{min(pair.difference[worst], 1e300) * pair.tolerance:.6g}"),
        },
    }
    shown = {name: _shown(rows.data[name].iloc[worst]) for name in fitted.features[:_MOST_SHOWN]}
    return Compared(facts, shown, wanted, said, left, beyond)


def judge(found: Compared, limit: float, cause: Callable[[], str] = str) -> None:
    """Raises Refused LG313 when more than `limit` of the rows are beyond the tolerance, and nothing explains them.

    `cause`: asked then, and only then, for the step that is converted wrongly.
    """
    facts = found.facts
    left = facts["beyond"] - facts["explained"]
    if left <= limit * facts["rows"]:
        return
    worst, step = facts["worst"], cause()
    raise Refused(
        "LG313",
        f"the ONNX model disagrees with the estimator in {left:,} of {facts['rows']:,} rows "
        f"(worst: {worst['difference']:.3g} in row {worst['row']}; tolerance {facts['tolerance']:g})"
        + (f"; the first that is converted wrongly is {step}" if step else ""),
        seen={
            "share": f"{left / facts['rows']:.6g}",
            "limit": f"{limit:g}",
            "explained_by_32_bits": facts["explained"],
            "row": worst["row"],
            "record": str(found.record),
        },
        next="lockgate explain LG313",
    )


@dataclass(frozen=True)
class _Pair:
    """Both answers as matrices of one column per class (or one for a number), and by which scale they differ."""

    wanted: Floats
    said: Floats
    scale: Floats
    tolerance: float
    labels: tuple[npt.NDArray[np.str_], npt.NDArray[np.str_]] | None
    difference: Floats

    @staticmethod
    def of(wanted: Answers, said: Outputs) -> _Pair:
        """Raises Refused LG312 when the graph has other answers than the estimator."""
        if wanted.values is not None:
            return _regression(wanted.values, said)
        if wanted.probabilities is None or wanted.labels is None or said.scores is None or said.labels is None:
            raise Refused("LG312", "the converted model gives no probabilities", next="lockgate explain LG312")
        if wanted.probabilities.shape != said.scores.shape:
            raise Refused("LG312", "the converted model knows other classes", next="lockgate explain LG312")
        labels = _texts(wanted.labels), _texts(said.labels)
        apart = _safe(np.abs(wanted.probabilities - said.scores).max(axis=1) / PROBABILITY)
        other = (labels[0] != labels[1]) & _clear(wanted.probabilities)
        difference = np.where(other, np.maximum(apart, 1 / PROBABILITY), apart)
        scale = np.full(len(apart), PROBABILITY)
        return _Pair(wanted.probabilities, said.scores, scale, PROBABILITY, labels, difference)


def _regression(values: npt.NDArray[Any], said: Outputs) -> _Pair:
    wanted = np.asarray(values, dtype=np.float64).reshape(-1)
    if said.values is None:
        raise Refused("LG312", "the converted model gives no number", next="lockgate explain LG312")
    try:
        typical = max(spread(wanted), 1e-12)
    except ValueError as error:
        message = f"what the estimator says cannot be compared: {error}"
        raise Refused("LG312", message, next="lockgate explain LG312") from None
    scale = RELATIVE * np.maximum(np.abs(wanted), typical)
    with np.errstate(over="ignore", invalid="ignore"):
        difference = _safe(np.abs(wanted - said.values) / scale)
    return _Pair(wanted[:, None], said.values[:, None], scale, RELATIVE, None, difference)


def _explained(fitted: Fitted, rows: Rows, pair: _Pair, beyond: npt.NDArray[np.int64], most: float) -> Mask:
    """Which of the rows `beyond` are explained, looked at in parts that lie all over the rows."""
    found = np.zeros(len(beyond), dtype=bool)
    parts = max(1, -(-len(beyond) // _AT_A_TIME))
    unexplained = 0
    for part in range(parts):
        places = beyond[part::parts]
        if not places.size:
            break
        found[part::parts] = _in_32_bits(fitted, rows, pair, places)
        unexplained += int((~found[part::parts]).sum())
        if unexplained > most:
            break
    return found


def _in_32_bits(fitted: Fitted, rows: Rows, pair: _Pair, places: npt.NDArray[np.int64]) -> Mask:
    """Which of the rows at `places` the estimator itself answers so, asked for numbers of 32 bits."""
    low = high = pair.wanted[places]
    said, scale = pair.said[places], pair.scale[places]
    same = _same_label(pair, places, low, None if pair.labels is None else pair.labels[0][places])
    one_of_them = np.zeros(len(places), dtype=bool)
    numbers = [name for name in fitted.features if rows.kinds.get(name, "string") != "string"]
    for variant in in_32_bits(rows.data.iloc[places], numbers):
        answer = fitted.answers(variant)
        given = _matrix(answer)
        low, high = np.minimum(low, given), np.maximum(high, given)
        alike = _same_label(pair, places, given, None if answer.labels is None else _texts(answer.labels))
        one_of_them |= (np.abs(given - said).max(axis=1) <= scale) & alike
        same |= alike
    between = np.maximum(low - said, said - high).max(axis=1) <= scale
    close = (high - low).max(axis=1) <= _CLOSE * scale
    return np.asarray(one_of_them | (between & close & same), dtype=bool)


def _same_label(pair: _Pair, places: npt.NDArray[np.int64], given: Floats, labels: npt.NDArray[np.str_] | None) -> Mask:
    """Where the graph's label is the one given with the probabilities `given`, or two classes are as probable."""
    if pair.labels is None or labels is None:
        return np.ones(len(places), dtype=bool)
    return np.asarray((labels == pair.labels[1][places]) | ~_clear(given), dtype=bool)


def _matrix(answer: Answers) -> Floats:
    given = answer.probabilities if answer.values is None else np.asarray(answer.values).reshape(-1, 1)
    return np.asarray(given, dtype=np.float64)


def _does_not_run(error: ModelError) -> Refused:
    return Refused("LG312", f"the converted model does not run: {error}", next="lockgate explain LG312")


def _clear(probabilities: Floats) -> Mask:
    """Where the most probable class is so by more than the tolerance."""
    two = np.sort(probabilities, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0] > 2 * PROBABILITY, dtype=bool)


def _texts(labels: Any) -> npt.NDArray[np.str_]:
    plain = np.asarray(labels)
    return (plain.astype(np.int64) if plain.dtype.kind in "fb" else plain).astype(str)


def _safe(difference: Any) -> Floats:
    return np.nan_to_num(np.asarray(difference, dtype=np.float64), nan=np.inf, posinf=1e305)


def _shown(value: Any) -> Any:
    plain = value.item() if hasattr(value, "item") else value
    return str(plain)[:80]
