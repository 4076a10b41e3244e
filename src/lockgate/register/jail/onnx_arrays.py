"""Operators that carry their model in arrays: lengths that fit each other, and numbers that point inside.

The checker looks at the type of an attribute, never at how long it is; onnxruntime trusts much of this when it
computes, and reads or writes beside its arrays where they do not fit. Source: the operators' descriptions in ONNX, and
the kernels under `onnxruntime/core/providers/cpu/ml`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import onnx

from lockgate.register.formats import MAX_OUTPUTS
from lockgate.register.jail.onnx_attributes import Arrays
from lockgate.register.jail.onnx_trees import check_ensemble, check_trees

_TRANSFORMS: Final = (b"NONE", b"SOFTMAX", b"LOGISTIC", b"SOFTMAX_ZERO", b"PROBIT")
_SUMS: Final = (b"AVERAGE", b"SUM", b"MIN", b"MAX")
_KERNEL: Final = (0, 3)
"""The runtime reads three parameters without counting them."""


def check_arrays(node: onnx.NodeProto, domain: str, attributes: Mapping[str, onnx.AttributeProto]) -> None:
    """Raises NotAllowed LG425, or LG422 for an output that is too wide."""
    arrays = Arrays(node, attributes)
    if domain == "ai.onnx.ml":
        arrays.among("post_transform", _TRANSFORMS)
        arrays.among("aggregate_function", _SUMS)
    check = _CHECKS.get((domain, node.op_type))
    if check is not None:
        check(arrays)


def _labels(arrays: Arrays, ints: str, strings: str) -> int:
    if arrays.count(ints) and arrays.count(strings):
        raise arrays.refuse("its classes are named twice")
    return arrays.count(ints) or arrays.count(strings)


def _classifier(arrays: Arrays) -> None:
    classes = _labels(arrays, "classlabels_int64s", "classlabels_strings")
    if classes < 1:
        raise arrays.refuse("it has no classes")
    check_trees(arrays, "class", classes)


def _regressor(arrays: Arrays) -> None:
    targets = arrays.number("n_targets", 1)
    arrays.bounded("n_targets", targets)
    check_trees(arrays, "target", targets)


def _ensemble(arrays: Arrays) -> None:
    arrays.bounded("n_targets", arrays.number("n_targets", 1))
    check_ensemble(arrays)


def _linear(arrays: Arrays) -> None:
    rows = arrays.count("intercepts") or max(arrays.number("targets", 1), 1)
    labels = _labels(arrays, "classlabels_ints", "classlabels_strings")
    arrays.bounded("targets", arrays.number("targets", 1))
    count = arrays.count("coefficients")
    if count < 1 or count % rows or (labels and labels not in (rows, 2)):
        raise arrays.refuse("coefficients, intercepts and classes", coefficients=count, rows=rows, classes=labels)


def _linear_regressor(arrays: Arrays) -> None:
    targets = arrays.number("targets", 1)
    arrays.bounded("targets", targets)
    count, intercepts = arrays.count("coefficients"), arrays.count("intercepts")
    if count < 1 or targets < 1 or count % targets or intercepts not in (0, targets):
        raise arrays.refuse("coefficients, intercepts and targets", coefficients=count, intercepts=intercepts)


def _kernel(arrays: Arrays) -> None:
    if arrays.count("kernel_params") not in _KERNEL:
        raise arrays.refuse("its kernel has three parameters")


def _svm_classifier(arrays: Arrays) -> None:
    _labels(arrays, "classlabels_ints", "classlabels_strings")
    _kernel(arrays)
    per_class = arrays.ints("vectors_per_class")
    coefficients, vectors = arrays.count("coefficients"), arrays.count("support_vectors")
    if not per_class.size:
        # Linear: a row of coefficients for each class, and no vectors.
        return
    if int(per_class.min()) < 0 or int(per_class.max()) > MAX_OUTPUTS:
        raise arrays.refuse("vectors_per_class")
    supports, classes = int(per_class.sum()), len(per_class)
    pairs = classes * (classes - 1) // 2
    fits = supports and vectors % supports == 0 and coefficients == supports * (classes - 1)
    if not fits or arrays.count("rho") not in (pairs, 1):
        raise arrays.refuse("vectors, coefficients and classes", vectors=supports, coefficients=coefficients)
    if {arrays.count("prob_a"), arrays.count("prob_b")} not in ({0}, {pairs}):
        raise arrays.refuse("prob_a and prob_b")


def _svm_regressor(arrays: Arrays) -> None:
    _kernel(arrays)
    supports = arrays.number("n_supports", 0)
    arrays.bounded("n_supports", supports)
    vectors, coefficients = arrays.count("support_vectors"), arrays.count("coefficients")
    if supports and (vectors % supports or coefficients != supports):
        raise arrays.refuse("vectors and coefficients", vectors=supports, coefficients=coefficients)
    if not arrays.count("rho"):
        raise arrays.refuse("there is no rho")


def _vocabulary(arrays: Arrays) -> None:
    pool = _labels(arrays, "pool_int64s", "pool_strings")
    indexes, weights = arrays.ints("ngram_indexes"), arrays.count("weights")
    widest = int(indexes.max()) + 1 if indexes.size else 0
    arrays.bounded("ngram_indexes", widest)
    arrays.within("ngram_indexes", widest)
    if weights not in (0, len(indexes)):
        raise arrays.refuse("there is not one weight for each word")
    counts = arrays.ints("ngram_counts")
    arrays.within("ngram_counts", pool + 1)
    if np.any(np.diff(counts) < 0):
        raise arrays.refuse("ngram_counts do not rise")
    longest, shortest = arrays.number("max_gram_length", 1), arrays.number("min_gram_length", 1)
    if not 1 <= shortest <= longest <= max(len(counts), 1):
        raise arrays.refuse("the lengths of its word groups", least=shortest, most=longest, counts=len(counts))
    arrays.bounded("max_skip_count", arrays.number("max_skip_count", 0))
    words = sum(
        int(end - begin) // size
        for size, (begin, end) in enumerate(zip(counts, [*counts[1:], pool], strict=False), start=1)
    )
    if words != len(indexes):
        raise arrays.refuse("there is not one index for each word", words=words, indexes=len(indexes))


def _mapping(arrays: Arrays) -> None:
    arrays.same("cats_int64s", "cats_strings")


def _encoder(arrays: Arrays) -> None:
    keys = [arrays.count(one) for one in ("keys_int64s", "keys_strings", "keys_floats", "keys_tensor")]
    values = [arrays.count(one) for one in ("values_int64s", "values_strings", "values_floats", "values_tensor")]
    if sum(map(bool, keys)) > 1 or sum(map(bool, values)) > 1 or sum(keys) != (sum(values) or sum(keys)):
        raise arrays.refuse("keys and values", keys=sum(keys), values=sum(values))


def _one_hot(arrays: Arrays) -> None:
    arrays.bounded("categories", _labels(arrays, "cats_int64s", "cats_strings"))


def _features(arrays: Arrays) -> None:
    sizes = arrays.ints("inputdimensions")
    arrays.within("inputdimensions", MAX_OUTPUTS)
    arrays.bounded("inputdimensions", int(sizes.sum()))


def _scaler(arrays: Arrays) -> None:
    if arrays.count("scale") and arrays.count("offset") and 1 not in (arrays.count("scale"), arrays.count("offset")):
        arrays.same("scale", "offset")


def _map_form(arrays: Arrays) -> None:
    arrays.bounded("max_map", arrays.number("max_map", 1))


_CHECKS: Final[Mapping[tuple[str, str], Callable[[Arrays], None]]] = {
    ("ai.onnx.ml", "TreeEnsembleClassifier"): _classifier,
    ("ai.onnx.ml", "TreeEnsembleRegressor"): _regressor,
    ("ai.onnx.ml", "TreeEnsemble"): _ensemble,
    ("ai.onnx.ml", "LinearClassifier"): _linear,
    ("ai.onnx.ml", "LinearRegressor"): _linear_regressor,
    ("ai.onnx.ml", "SVMClassifier"): _svm_classifier,
    ("ai.onnx.ml", "SVMRegressor"): _svm_regressor,
    ("ai.onnx.ml", "CategoryMapper"): _mapping,
    ("ai.onnx.ml", "LabelEncoder"): _encoder,
    ("ai.onnx.ml", "OneHotEncoder"): _one_hot,
    ("ai.onnx.ml", "FeatureVectorizer"): _features,
    ("ai.onnx.ml", "Scaler"): _scaler,
    ("ai.onnx.ml", "CastMap"): _map_form,
    ("", "TfIdfVectorizer"): _vocabulary,
}
