"""Does the ONNX graph say what the estimator says? Every training row is asked of both. Runs in the jail.

Tolerance: 1e-5 in each probability; for regression 1e-4 of the larger of the answer and the answers' spread. A
conversion may be right and still differ in rows where float32 falls on the other side of a split: that is why the
share beyond the tolerance is judged, and shown, and not one worst row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.errors import Refused
from lockgate.runtime.jail.predict import Model, ModelError, Outputs
from lockgate.runtime.serving import ServingSpec
from lockgate.train.jail.frame import Rows

PROBABILITY = 1e-5
RELATIVE = 1e-4


def compare(estimator: Any, model: bytes, spec: ServingSpec, rows: Rows, features: tuple[str, ...]) -> dict[str, Any]:
    """The parity facts of fit.json. Raises Refused LG312 when the graph cannot be run on the training rows."""
    data = rows.data[list(features)]
    known = data if getattr(estimator, "feature_names_in_", None) is not None else data.to_numpy()
    try:
        outputs = Model(model, spec).predict(rows.columns())
    except ModelError as error:
        raise Refused("LG312", f"the converted model does not run: {error}", next="lockgate explain LG312") from None
    difference = _regression(estimator.predict(known), outputs) if spec.task == "regression" else None
    if difference is None:
        difference = _classification(estimator, known, outputs)
    beyond = difference > 1
    worst = int(np.argmax(difference))
    scale = RELATIVE if spec.task == "regression" else PROBABILITY
    return {
        "rows": len(difference),
        "tolerance": scale,
        "beyond": int(beyond.sum()),
        "share": round(float(beyond.mean()), 9),
        "worst": {
            "row": worst,
            "difference": float(f"{min(difference[worst], 1e300) * scale:.6g}"),
            "record": {name: _shown(data[name].iloc[worst]) for name in list(features)[:12]},
        },
    }


def judge(facts: dict[str, Any], limit: float) -> None:
    """Raises Refused LG313 when more than `limit` of the rows are beyond the tolerance."""
    if facts["share"] <= limit:
        return
    worst = facts["worst"]
    raise Refused(
        "LG313",
        f"the ONNX model disagrees with the estimator in {facts['beyond']} of {facts['rows']} rows "
        f"(worst: {worst['difference']:.3g} in row {worst['row']}; tolerance {facts['tolerance']:g})",
        seen={"share": str(facts["share"]), "limit": str(limit), "row": worst["row"], "record": str(worst["record"])},
        next="lockgate explain LG313",
    )


def _regression(expected: Any, outputs: Outputs) -> npt.NDArray[np.float64]:
    wanted = np.asarray(expected, dtype=np.float64).reshape(-1)
    if outputs.values is None:
        raise Refused("LG312", "the converted model gives no number", next="lockgate explain LG312")
    scale = np.maximum(np.abs(wanted), max(float(np.std(wanted)), 1e-12))
    return _safe(np.abs(wanted - outputs.values) / (RELATIVE * scale))


def _classification(estimator: Any, known: Any, outputs: Outputs) -> npt.NDArray[np.float64]:
    if outputs.scores is None or outputs.labels is None:
        raise Refused("LG312", "the converted model gives no probabilities", next="lockgate explain LG312")
    if not hasattr(estimator, "predict_proba"):
        raise Refused(
            "LG312",
            f"{type(estimator).__name__} gives no probabilities",
            next="wrap it in CalibratedClassifierCV",
        )
    wanted = np.asarray(estimator.predict_proba(known), dtype=np.float64)
    difference = np.abs(wanted - outputs.scores).max(axis=1) / PROBABILITY
    two = np.sort(wanted, axis=1)[:, -2:]
    clear = two[:, 1] - two[:, 0] > 2 * PROBABILITY
    other = _texts(estimator.predict(known)) != _texts(outputs.labels)
    return _safe(np.where(other & clear, np.maximum(difference, 1 / PROBABILITY), difference))


def _texts(labels: Any) -> npt.NDArray[np.str_]:
    plain = np.asarray(labels)
    return (plain.astype(np.int64) if plain.dtype.kind in "fb" else plain).astype(str)


def _safe(difference: Any) -> npt.NDArray[np.float64]:
    return np.nan_to_num(np.asarray(difference, dtype=np.float64), nan=np.inf, posinf=1e305)


def _shown(value: Any) -> Any:
    plain = value.item() if hasattr(value, "item") else value
    return str(plain)[:80]
