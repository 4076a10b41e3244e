"""A torch module that `train()` returned, as a Fitted. Runs in the jail.

The module is put into eval mode, on the CPU, and counts in 32 bits, as its graph will. What it takes and what its
answers mean is told by `torch_inputs` and `torch_outputs`; docs/how-to/train-with-torch.md says it to its author.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lockgate.contract.findings import clean
from lockgate.errors import Refused
from lockgate.runtime.jail.predict import Model, ModelError
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.train.jail.exporters.base import Answers, Exported
from lockgate.train.jail.exporters.dumping import dumped
from lockgate.train.jail.exporters.torch_inputs import MATRIX, inputs_of
from lockgate.train.jail.exporters.torch_outputs import Meaning, OfModule, Said, meaning_of
from lockgate.train.jail.exporters.versions import versions_of
from lockgate.train.jail.frame import Rows

EXAMPLES = 64
BATCHES = (1, 2, EXAMPLES)
KEPT = "lockgate_meaning"
"""The attribute of a saved module that says what its answers mean."""
_TOLERANCE = 1e-5
_AT_A_TIME = 4096
_MOST_NAMED = 8


def of(returned: Any, rows: Rows, declared: str) -> Network:
    """The module as a Fitted. Raises Refused LG311, LG316, LG338."""
    import torch  # type: ignore[import-not-found]

    if not isinstance(returned, torch.nn.Module):
        raise Refused(
            "LG311",
            f"train() returned {type(returned).__name__} of torch, which is no module that predicts",
            seen={"returned": type(returned).__name__},
            next="return the trained torch.nn.Module from train()",
        )
    if isinstance(returned, torch.jit.ScriptModule):
        raise Refused(
            "LG338", "train() returned TorchScript, which its exporter does not take", next="return the module itself"
        )
    return Network(returned, returned, rows, declared, inputs_of(returned, rows), said=OfModule.read(returned))


class Network:
    """A module and what is told of it. See `base.Fitted`."""

    def __init__(
        self,
        returned: Any,
        module: Any,
        rows: Rows,
        declared: str,
        inputs: tuple[Input, ...],
        *,
        said: Said,
        packages: tuple[str, ...] = ("torch", "onnxscript"),
    ) -> None:
        """`returned` is what is saved, `module` what is asked: a torch module with `inputs`.

        `said`: what it says of its answers. Raises Refused LG311.
        """
        self._returned = returned
        self._module = module.cpu().float().eval()
        self._inputs = inputs
        self._rows = rows
        self._packages = packages
        self.name = _name(returned)
        self.features = tuple(name for each in inputs for name in each.fields)
        answers = self._asked(rows.data.head(EXAMPLES * 16))
        _refuse_nan(answers, rows.data.head(EXAMPLES * 16)[list(self.features)], self.name)
        kept = getattr(returned, KEPT, None)
        self.meaning: Meaning = kept or meaning_of(said, rows, declared, answers)
        self.task = self.meaning.task
        self.classes = self.meaning.classes

    @property
    def versions(self) -> dict[str, str]:
        """What made it."""
        return versions_of(*self._packages)

    def answers(self, data: pd.DataFrame) -> Answers:
        """Its answers in 32 bits, without gradients."""
        import torch

        from lockgate.train.jail.exporters.torch_scores import scores_of

        with torch.no_grad():
            found = scores_of(torch.from_numpy(self._asked(data)), self.meaning).numpy()
        if self.classes is None:
            return Answers(None, None, found.astype(np.float64).reshape(-1))
        labels = np.array(self.classes, dtype=object if isinstance(self.classes[0], str) else None)
        return Answers(labels[found.argmax(axis=1)], found.astype(np.float64), None)

    def export(self) -> Exported:
        """Its graph, which was tried with 1, 2 and 64 rows. Raises Refused LG337, LG338."""
        from lockgate.train.jail.exporters.torch_graph import graph_of

        examples = self._tensors(_some(self._rows.data, EXAMPLES))
        graph, data = graph_of(self._module, self.meaning, [each.input for each in self._inputs], examples)
        left = {node.name for node in graph.graph.input}
        read = {name for node in graph.graph.node for name in node.input}
        for node in [node for node in graph.graph.input if node.name not in read]:
            graph.graph.input.remove(node)
        inputs = tuple(each for each in self._inputs if each.input in left & read)
        if not inputs:
            raise Refused("LG338", f"{self.name} reads none of its inputs", next="lockgate explain LG338")
        named = {name for each in inputs for name in each.fields}
        kinds = self._rows.kinds
        fields = tuple(Field(name, kinds[name]) for name in kinds if name in named)
        given = (None, None, "value") if self.classes is None else ("label", "scores", None)
        spec = ServingSpec(self.task, self._rows.label, self.classes, fields, inputs, *given)
        exported = Exported(graph.SerializeToString(), spec, data)
        self._try_batches(exported)
        return exported

    def dump(self) -> bytes | None:
        """The module, as joblib writes it; None where it cannot be pickled.

        What its answers mean goes along: other rows may not have all values of the label, nor a Keras model, once it
        was pickled, what was hung on it.
        """
        said: dict[str, Any] = {KEPT: self.meaning}
        named = getattr(self._returned, "features", None)
        if named is not None and not callable(named):
            said["features"] = [str(name) for name in named]
        return dumped(_Kept(self._returned, said))

    def _asked(self, data: pd.DataFrame) -> npt.NDArray[Any]:
        import torch

        pieces = []
        try:
            with torch.no_grad():
                for begin in range(0, len(data), _AT_A_TIME):
                    given = self._module(*self._tensors(data.iloc[begin : begin + _AT_A_TIME]))
                    pieces.append(np.asarray(given.detach().float().numpy()))
            return np.concatenate(pieces)
        except Exception as error:  # noqa: BLE001 - the module is the user's code
            raise Refused(
                "LG311",
                f"{self.name} does not take its rows ({type(error).__name__}: {clean(_line(error), 200)})",
                seen={"inputs": [f"{each.input}: (rows, {len(each.fields)}) {each.type}" for each in self._inputs]},
                next=_named_inputs(self._inputs),
            ) from None

    def _tensors(self, data: pd.DataFrame) -> list[Any]:
        import torch

        found = []
        for each in self._inputs:
            number = np.int64 if each.type == "int64" else np.float32
            columns = [data[name].to_numpy().astype(number) for name in each.fields]
            found.append(torch.from_numpy(np.stack(columns, axis=1)))
        return found

    def _try_batches(self, exported: Exported) -> None:
        """One row, two and many give the same answers: the number of rows is free, and rows do not mix."""
        data = None if exported.data is None else memoryview(exported.data)
        some = _some(self._rows.data, EXAMPLES)
        columns = {name: some[name].to_numpy() for name in self.features}
        try:
            model = (
                Model(exported.model, exported.spec)
                if data is None
                else Model(exported.model, exported.spec, data=data)
            )
            found: list[Any] = []
            for count in BATCHES:
                said = model.predict({name: values[:count] for name, values in columns.items()})
                found.append(said.values if said.scores is None else said.scores)  # noqa: PD011 - no frame
        except ModelError as error:
            raise Refused(
                "LG338",
                f"the graph of {self.name} does not run with any number of rows: {error}",
                next="write x.shape[0] or -1 where the number of rows stands in reshape, view or expand",
            ) from None
        for few, count in zip(found, BATCHES, strict=True):
            many = found[-1][:count]
            if not np.allclose(few, many, rtol=_TOLERANCE, atol=_TOLERANCE):
                raise Refused(
                    "LG338",
                    f"{self.name} answers a row otherwise when other rows come with it",
                    seen={"rows": count},
                    next="let no step of forward() mix rows: no mean or normalisation over the first dimension",
                )


def _refuse_nan(answers: npt.NDArray[Any], given: pd.DataFrame, name: str) -> None:
    if np.isfinite(answers).all():
        return
    missing = [column for column in given.columns if given[column].isna().any()]
    raise Refused(
        "LG311",
        f"{name} answers with no number for {int((~np.isfinite(answers.reshape(len(answers), -1)).all(axis=1)).sum())} "
        f"of its first {len(answers)} rows",
        seen={"fields with missing values": missing[:24]},
        next="fill what is missing in forward(): torch.where(x.isnan(), 0.0, x); or look at the training",
    )


class _Kept:
    """Pickled, it is the model with `said` hung on it."""

    def __init__(self, model: Any, said: dict[str, Any]) -> None:
        self.model = model
        self.said = said

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.model, self.said)


def _restored(model: Any, said: dict[str, Any]) -> Any:
    vars(model).update(said)
    return model


def _named_inputs(inputs: tuple[Input, ...]) -> str:
    """What to write where the module takes other fields than it was given."""
    if len(inputs) != 1 or inputs[0].input != MATRIX:
        return "lockgate explain LG338   # forward() is given a float32 matrix, or one tensor for each field"
    few = ", ".join(f'"{name}"' for name in inputs[0].fields[:_MOST_NAMED])
    more = ", ..." if len(inputs[0].fields) > _MOST_NAMED else ""
    return f"say which fields it takes, in their order: model.features = [...]; it was given [{few}{more}]"


def _some(data: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` rows, the first ones, again and again where there are fewer."""
    return data.iloc[np.arange(count) % len(data)]


def _name(module: Any) -> str:
    children = [type(each).__name__ for _, each in module.named_children()][:8]
    return f"{type(module).__name__}({', '.join(children)})" if children else type(module).__name__


def _line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), "")
