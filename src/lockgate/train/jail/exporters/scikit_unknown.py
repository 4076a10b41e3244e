"""What of an estimator nobody converts, all of it at once, and why it shows no columns. Runs in the jail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lockgate.errors import Refused
from lockgate.train.jail.exporters.scikit_parts import DEEPEST
from lockgate.train.jail.exporters.steps import DECISIONS, PROBABILITIES, TRANSFORMS, VALUES, kind_of
from lockgate.train.jail.exporters.substitutes import substitute_of
from lockgate.train.jail.frame import Rows

_LIBRARIES: Final = frozenset({"sklearn", "xgboost", "lightgbm", "catboost"})
_TEXT: Final = ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")
_INSIDE: Final = {"Pipeline": "steps", "ColumnTransformer": "transformers_", "FeatureUnion": "transformer_list"}


def check(estimator: Any) -> None:
    """Raises Refused LG338 that names every step of which no conversion is known. What a step holds is not looked at.

    The writers of `scikit_model` are registered.
    """
    found = list(_unknown(estimator))
    if not found:
        return
    kinds = list(dict.fromkeys(type(step).__name__ for _, step in found))
    paths = [f"{path} > {type(step).__name__}" if path else type(step).__name__ for path, step in found]
    said = "no exact conversion to ONNX is known"
    instead = [_instead(step) for _, step in {type(step).__name__: (path, step) for path, step in found}.values()]
    if len(kinds) > 1:
        instead = [f"{kind}: {words}" for kind, words in zip(kinds, instead, strict=True)]
    raise Refused(
        "LG338",
        f"{paths[0]}: {said}" if len(paths) == 1 else f"{len(paths)} steps: {said}: {'; '.join(paths)}",
        seen={"step": paths[0]} if len(paths) == 1 else {"steps": paths},
        next="; ".join(instead),
    )


def unnamed(estimator: Any, rows: Rows) -> Refused | None:
    """Why an estimator that has seen no column names has not, where its first step tells."""
    first = _first(estimator)
    if kind_of(first) not in {*TRANSFORMS, *PROBABILITIES, *DECISIONS, *VALUES}:
        check(estimator)
    if type(first).__name__ not in _TEXT:
        return None
    texts = [name for name, kind in rows.kinds.items() if kind == "string"]
    column = texts[0] if len(texts) == 1 else "FIELD"
    return Refused(
        "LG316",
        f"{type(first).__name__} was fitted on one column alone, and nobody can tell which",
        seen={"texts": texts},
        next=f'ColumnTransformer([("words", {type(first).__name__}(), "{column}")]) as the first step, fitted on a '
        "DataFrame",
    )


def _first(estimator: Any) -> Any:
    for _ in range(DEEPEST):
        steps = getattr(estimator, "steps", None) if type(estimator).__name__ == "Pipeline" else None
        if not steps:
            break
        estimator = next((step for _, step in steps if step is not None and step != "passthrough"), estimator)
    return estimator


def _unknown(step: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    if step is None or isinstance(step, str) or depth > DEEPEST:
        return
    kind = kind_of(step)
    if kind not in TRANSFORMS and kind not in PROBABILITIES and kind not in DECISIONS and kind not in VALUES:
        yield path, step
    if kind.startswith("sklearn."):
        for name, inner, *_ in getattr(step, _INSIDE.get(type(step).__name__, ""), ()):
            yield from _unknown(inner, f"{path} > {name}" if path else str(name), depth + 1)


def _instead(step: Any) -> str:
    kind = type(step)
    if kind.__module__.partition(".")[0] in _LIBRARIES:
        return substitute_of(kind.__name__)
    if hasattr(step, "predict"):
        return "use an estimator of scikit-learn, XGBoost or LightGBM"
    return "make its columns in features.py, or use a step of scikit-learn"
