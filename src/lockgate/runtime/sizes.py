"""How large a model's files may be, and what memory it takes to answer from them. Pure: training, `check`, the
registry's rules and whoever starts a worker ask here.

    model.onnx        the graph with its small tensors: protobuf itself ends at 2 GiB, and ours well below it
    model.onnx.data   the large tensors, raw, where they would not fit into the graph; one file, of this very name

The graph is parsed into objects, and its tensors are copied once more. The data is mapped: the worker holds it once.
"""

from __future__ import annotations

from typing import Final

from lockgate.core.names import MODEL_DATA
from lockgate.errors import Unfit

DATA: Final = MODEL_DATA
MAX_MODEL: Final = 3 << 29
MAX_DATA: Final = 64 << 30

BASE_MEMORY: Final = 2 << 30
"""What a model worker gets whatever its model is."""
_FREE: Final = 256 << 20
_COPIES: Final = 4
_SECONDS_PER_GIB: Final = 30.0


def worker_memory(model: int, data: int = 0) -> int:
    """Bytes that the jail of a model worker gets, for a graph of `model` bytes with `data` bytes beside it."""
    return BASE_MEMORY + _COPIES * max(0, model - _FREE) + data


def load_seconds(model: int, data: int = 0) -> float:
    """What a slow disk may need longer to load such a model than a small one."""
    return _SECONDS_PER_GIB * (model + data) / (1 << 30)


def refuse_too_large(name: str, model: int, data: int, machine: int) -> None:
    """Raises Unfit LG426 when no worker of this model fits into the memory of this machine, `machine` bytes."""
    needed = worker_memory(model, data)
    if needed <= machine or needed == BASE_MEMORY:
        return
    raise Unfit(
        "LG426",
        f"{name} needs {needed / (1 << 30):.1f} GiB of memory in its worker, this machine has "
        f"{machine / (1 << 30):.1f} GiB",
        seen={"model": model, "data": data, "needed": needed, "memory": machine},
        next="free -g   # a machine with more memory, or a smaller model",
    )


def beyond(model: int, data: int, output: int) -> str:
    """Why a training run could not give out a model of these sizes, as a sentence; "" when it can.

    `output`: the most that comes out of a train jail, `[train] out`.
    """
    if model > MAX_MODEL:
        return f"model.onnx has {model:,} bytes, at most {MAX_MODEL:,} are taken: keep large tensors in {DATA}"
    if data > MAX_DATA:
        return f"{DATA} has {data:,} bytes, at most {MAX_DATA:,} are taken"
    if model + data > output:
        return f"the model has {model + data:,} bytes, and [train] out lets {output:,} bytes leave the jail"
    return ""


def limits(output: int) -> tuple[str, ...]:
    """The limits in words, a line each, for whoever asks before training."""
    return (
        f"model.onnx: at most {MAX_MODEL / (1 << 30):g} GiB; larger tensors in {DATA}: at most {MAX_DATA >> 30} GiB",
        f"both together: at most {output / (1 << 20):,.0f} MiB ([train] out)",
        f"memory of a worker: {BASE_MEMORY >> 30} GiB, {_COPIES} times model.onnx from {_FREE >> 20} MiB, once {DATA}",
    )
