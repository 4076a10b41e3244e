"""A model as named tensors: what is sent for each field, what comes back for whom. Pure.

One input tensor per contract field, named like it, one element per record. Outputs by task and output policy:

    output     datatype                     shape         for whom
    label      BOOL, INT64 or BYTES         [n]           binary and multi-class
    scores     FP64                         [n, classes]  ... where scores are full or rounded, in the order of classes
    abstained  BOOL                         [n]           ... where the policy lets the gateway abstain
    value      FP64                         [n]           regression
    receipt    BYTES                        [n]           everybody

Where the gateway may abstain, `label` is BYTES whatever the classes are, spelled as the keys of the scores are: no
label can be taken for an abstention. An abstained row has the label "", scores of 0.0, and `abstained` true.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.serve.answers import class_key
from lockgate.serve.spec import Answer, OutputRule, Served

DATATYPE = {"float": "FP64", "int": "INT64", "bool": "BOOL"}
"""By kind of a field; the other kinds travel as text. A client may send another datatype: the contract decides."""

_CLASSES = {bool: "BOOL", int: "INT64"}
_WHOLE = ("full", "rounded")


@dataclass(frozen=True, slots=True)
class Output:
    """One output tensor. `width`: the shape beyond the number of rows."""

    name: str
    datatype: str
    width: tuple[int, ...] = ()


def outputs(served: Served, rule: OutputRule) -> tuple[Output, ...]:
    """What a client gets under `rule`."""
    receipt = Output("receipt", "BYTES")
    if served.task == "regression":
        return (Output("value", "FP64"), receipt)
    abstains = rule.abstain_below > 0
    kind = "BYTES" if abstains else _CLASSES.get(type(served.classes[0]), "BYTES")
    scores = [Output("scores", "FP64", (len(served.classes),))] if rule.scores in _WHOLE else []
    abstained = [Output("abstained", "BOOL")] if abstains else []
    return (Output("label", kind), *scores, *abstained, receipt)


def metadata(served: Served, rule: OutputRule) -> dict[str, Any]:
    """The model metadata response."""
    return {
        "name": served.name,
        "versions": [str(served.version)],
        "platform": "onnx_onnxruntime",
        "inputs": [
            {"name": one.name, "datatype": DATATYPE.get(one.kind, "BYTES"), "shape": [-1]} for one in served.fields
        ],
        "outputs": [
            {"name": one.name, "datatype": one.datatype, "shape": [-1, *one.width]} for one in outputs(served, rule)
        ],
        "properties": {
            "task": served.task,
            "classes": json.dumps(list(served.classes)),
            "digest": served.manifest,
            "environment": served.environment,
        },
    }


def withheld(answer: Answer) -> frozenset[str]:
    """The outputs that this answer lacks, for its client is given the label alone. An abstained row has no scores."""
    bare = any("scores" not in one and one.get("abstained") is not True for one in answer.predictions)
    return frozenset({"scores"}) if bare else frozenset()


def elements(output: Output, answer: Answer) -> Sequence[Any]:
    """The elements of one output tensor, row by row."""
    predictions = answer.predictions
    if output.name == "receipt":
        return list(answer.receipts) or [""] * len(predictions)
    if output.name == "scores":
        keys = [class_key(name) for name in answer.served.classes]
        none = dict.fromkeys(keys, 0.0)
        return [one.get("scores", none)[key] for one in predictions for key in keys]
    if output.name == "abstained":
        return [one.get("abstained") is True for one in predictions]
    found = [one[output.name] for one in predictions]
    if output.name == "label" and output.datatype == "BYTES":
        return ["" if label is None else class_key(label) for label in found]
    return found
