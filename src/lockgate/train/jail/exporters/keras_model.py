"""A Keras 3 model that `train()` returned, as a Fitted. Runs in the jail.

Keras on torch is a torch module, and goes torch's way: `keras_model.of` only tells which fields fill its inputs. On any
other backend it is refused by name: their exporters need libraries that are several times as large.
"""

from __future__ import annotations

from typing import Any

from lockgate.errors import Refused
from lockgate.runtime.serving import Input
from lockgate.train.jail.exporters.sizes import activation_of
from lockgate.train.jail.exporters.torch_inputs import inputs_of
from lockgate.train.jail.exporters.torch_module import Network
from lockgate.train.jail.exporters.torch_outputs import LOGITS, PROBABILITIES
from lockgate.train.jail.frame import Rows

_ENDS = {"softmax": PROBABILITIES, "sigmoid": PROBABILITIES}


def of(returned: Any, rows: Rows, declared: str) -> Network:
    """The model as a Fitted. Raises Refused LG311, LG316, LG338."""
    import keras  # type: ignore[import-not-found]

    if keras.backend.backend() != "torch":
        raise Refused(
            "LG338",
            f"a Keras model on {keras.backend.backend()} is not converted",
            seen={"backend": keras.backend.backend()},
            next='import os; os.environ["KERAS_BACKEND"] = "torch" as the first lines of train.py, and lock torch',
        )
    if not isinstance(returned, keras.Model):
        raise Refused(
            "LG311",
            f"train() returned {type(returned).__name__} of Keras, which is no model",
            seen={"returned": type(returned).__name__},
            next="return the trained keras.Model from train()",
        )
    inputs = _inputs(returned, rows)
    return Network(
        returned,
        _together(returned) if len(inputs) > 1 else returned,
        rows,
        declared,
        inputs,
        said=_Said(returned),
        packages=("keras", "torch", "onnxscript"),
    )


def _inputs(model: Any, rows: Rows) -> tuple[Input, ...]:
    """As a torch module's: one input is the matrix, several are fields by their names."""
    nodes = getattr(model, "inputs", None) or []
    if len(nodes) < 2:
        return inputs_of(model, rows, [] if getattr(model, "features", None) else ["X"])
    wide = [node.name for node in nodes if tuple(node.shape[1:]) != (1,)]
    if wide:
        raise Refused(
            "LG338",
            f"the input {wide[0]!r} is wider than one field",
            seen={"inputs": [node.name for node in nodes][:24]},
            next="keras.Input((1,), name=FIELD) for each field, or one input for all numbers",
        )
    return inputs_of(model, rows, [node.name for node in nodes])


def _together(model: Any) -> Any:
    """A model of several inputs takes them in one list."""
    import torch  # type: ignore[import-not-found]

    class Together(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            return self.model(list(inputs))

    return Together()


class _Said:
    """What `torch_outputs` reads of a module, said by a Keras model's last layer."""

    def __init__(self, model: Any) -> None:
        self.classes = getattr(model, "classes", None)
        self.output = getattr(model, "answers", None)
        self.ends = _ENDS.get(activation_of(model), LOGITS)
