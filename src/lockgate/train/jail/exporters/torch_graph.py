"""A torch module becomes an ONNX graph that gives label and scores. Runs in the jail.

The exporter is torch's own, `torch.onnx.export(..., dynamo=True)`. It traces forward() with example inputs, some
training rows, and is told that their number may be any: a module that fixes it is refused. What it leaves behind is put
in order: its own functions are inlined, operator sets that nothing uses and notes for its developers are taken away.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch  # type: ignore[import-not-found]
from onnx import helper, numpy_helper

from lockgate.contract.findings import clean
from lockgate.errors import Refused
from lockgate.runtime.sizes import DATA, MAX_MODEL
from lockgate.train.jail.exporters.torch_outputs import Meaning
from lockgate.train.jail.exporters.torch_scores import scores_of

LABEL, SCORES, VALUE = "label", "scores", "value"
LARGEST = MAX_MODEL - (64 << 20)
"""Bytes of tensors above which they lie beside the graph, in DATA."""
OPSET = 20
_INDEX = "lockgate_class_index"
_ALIGNED = 64
_KEPT_INSIDE = 1024
_OPERATOR = re.compile(r"aten[.:]+([a-z0-9_]+(?:\.[A-Za-z0-9_]+)?)")


class Answering(torch.nn.Module):  # type: ignore[misc]
    """The module, and after it what makes scores and the place of the label of its answers."""

    def __init__(self, module: Any, meaning: Meaning) -> None:
        super().__init__()
        self.module = module
        self.meaning = meaning

    def forward(self, *inputs: Any) -> Any:
        """Scores (rows, classes) and places (rows,); or values (rows,)."""
        given = self.module(*inputs)
        scores = scores_of(given, self.meaning)
        return scores if self.meaning.classes is None else (torch.argmax(scores, dim=1), scores)


def graph_of(
    module: Any, meaning: Meaning, names: Sequence[str], examples: Sequence[Any]
) -> tuple[onnx.ModelProto, bytes | None]:
    """The graph, and its tensors where they are too large to be inside. Raises Refused LG337, LG338."""
    _require_converter()
    rows = torch.export.Dim("rows")
    outputs = [VALUE] if meaning.classes is None else [_INDEX, SCORES]
    said = io.StringIO()
    # It misses torchvision, which no model on a table needs, in four lines for each export.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            program = torch.onnx.export(
                Answering(module, meaning).eval(),
                tuple(examples),
                dynamo=True,
                dynamic_shapes=(tuple({0: rows} for _ in examples),),
                input_names=list(names),
                output_names=outputs,
                opset_version=OPSET,
                verbose=False,
            )
        model = program.model_proto
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - torch raises its own kinds, and the module is the user's code
        raise _refused(error, module) from None
    model = _in_order(model)
    if meaning.classes is not None:
        _name_classes(model, meaning)
    return model, _outside(model)


def _require_converter() -> None:
    try:
        import onnxscript  # type: ignore[import-not-found]  # noqa: F401 - the exporter wants it, and says so late
    except ImportError:
        raise Refused(
            "LG337",
            "torch exports to ONNX with onnxscript, which the environment does not have",
            seen={"package": "onnxscript"},
            next="add onnxscript to requirements.in, then: lockgate lock",
        ) from None


def _refused(error: Exception, module: Any) -> Refused:
    """What torch says at length, in a line: the operator that does not convert, or what fixes the rows."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(texts) < 16:
        texts.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    whole = "\n".join(texts)
    name = type(module).__name__
    if "DispatchError" in whole or "No ONNX function found" in whole or "No decompositions registered" in whole:
        found = _OPERATOR.search(whole)
        operator = f"aten.{found[1]}" if found else "an operator"
        return Refused(
            "LG338",
            f"{name} does not convert to ONNX: {operator} has no translation",
            seen={"module": name, "operator": operator},
            next="write that step with other operators, or make it in features.py, before the module",
        )
    if "ConstraintViolation" in whole or "specialized" in whole.lower() or "Constraints violated" in whole:
        return Refused(
            "LG338",
            f"forward() of {name} takes one number of rows only, that of its example",
            seen={"module": name},
            next="write x.shape[0] or -1 where the number of rows stands in reshape, view or expand",
        )
    if "data-dependent" in whole or "DataDependent" in whole or "Dynamic control flow" in whole:
        return Refused(
            "LG338",
            f"forward() of {name} branches on the values of its inputs, which a graph cannot",
            seen={"module": name},
            next="write the branch as torch.where, or make it in features.py",
        )
    said = next((line for line in str(error).strip().splitlines() if line.strip()), type(error).__name__)
    return Refused(
        "LG338",
        f"{name} does not convert to ONNX: {clean(said, 300)}",
        seen={"module": name, "error": type(error).__name__},
        next="torch.onnx.export(module, examples, dynamo=True) shows all that torch says",
    )


def _in_order(model: onnx.ModelProto) -> onnx.ModelProto:
    if len(model.functions):
        from onnx import inliner

        model = inliner.inline_local_functions(model)
    del model.metadata_props[:]
    model.doc_string = ""
    pending = [model.graph]
    used = set()
    while pending:
        graph = pending.pop()
        del graph.metadata_props[:]
        graph.doc_string = ""
        for one in (*graph.input, *graph.output, *graph.value_info, *graph.initializer, *graph.node):
            del one.metadata_props[:]
            one.doc_string = ""
        del graph.value_info[:]
        for node in graph.node:
            used.add("" if node.domain == "ai.onnx" else node.domain)
            for attribute in node.attribute:
                pending.extend(attribute.graphs)
                if attribute.HasField("g"):
                    pending.append(attribute.g)
    kept = {each.domain: each.version for each in model.opset_import if each.domain in used | {""}}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in kept.items())
    return model


def _name_classes(model: onnx.ModelProto, meaning: Meaning) -> None:
    """The place of the label becomes the label: torch has no texts, ONNX has."""
    classes = meaning.classes or ()
    texts = isinstance(classes[0], str)
    values: Any = (
        np.array(classes, dtype=object) if texts else np.array([int(value) for value in classes], dtype=np.int64)
    )
    model.graph.initializer.append(numpy_helper.from_array(values, "lockgate_classes"))
    model.graph.node.append(helper.make_node("Gather", ["lockgate_classes", _INDEX], [LABEL], axis=0))
    kind = onnx.TensorProto.STRING if texts else onnx.TensorProto.INT64
    scores = next(output for output in model.graph.output if output.name == SCORES)
    label = helper.make_tensor_value_info(LABEL, kind, ["rows"])
    kept = [label, onnx.ValueInfoProto.FromString(scores.SerializeToString())]
    del model.graph.output[:]
    model.graph.output.extend(kept)


def _outside(model: onnx.ModelProto) -> bytes | None:
    """Move the large tensors out of a graph that would be too large with them."""
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) <= LARGEST:
        return None
    data = bytearray()
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) < _KEPT_INSIDE:
            continue
        data += bytes(-len(data) % _ALIGNED)
        place = {"location": DATA, "offset": str(len(data)), "length": str(len(tensor.raw_data))}
        data += tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in place.items():
            tensor.external_data.add(key=key, value=value)
    return bytes(data)
