"""Which fields a torch module takes, and as which tensors. Nothing is guessed. Runs in the jail.

    features = ["age", "income"]        one float32 matrix (rows, 2) of these fields, in this order
    forward(self, age, income)          each parameter is a field: a (rows, 1) tensor of it
    forward(self, x)                    one float32 matrix of all numbers and booleans of the contract, in its order

A tensor of a field is float32, of a timestamp int64 (microseconds). A text is none: it has to be a number first.
"""

from __future__ import annotations

import inspect
from typing import Any

from lockgate.errors import Refused
from lockgate.runtime.serving import Input, InputType, Kind
from lockgate.train.jail.exporters.labelled import known_fields, refuse_label
from lockgate.train.jail.frame import Rows

MATRIX = "X"
_NUMBERS: tuple[Kind, ...] = ("float", "int", "bool")


def inputs_of(module: Any, rows: Rows, parameters: list[str] | None = None) -> tuple[Input, ...]:
    """The inputs of `module`, an instance of torch.nn.Module. `parameters`: the names of what it takes, if not those of
    its forward(). Raises Refused LG316, LG338.
    """
    named = getattr(module, "features", None)
    if named is None or callable(named):
        return _by_parameters(module, rows, parameters_of(module) if parameters is None else parameters)
    if isinstance(named, str) or not named or not all(isinstance(name, str) for name in named):
        raise Refused(
            "LG316", "the module's `features` is no list of field names", next='self.features = ["age", "fare"]'
        )
    fields = known_fields(list(named), rows)
    refuse_label(fields, rows)
    _refuse_texts(fields, rows)
    times = [name for name in fields if rows.kinds[name] == "timestamp"]
    if times:
        raise Refused(
            "LG338",
            f"the timestamp {times[0]!r} does not fit into a matrix of 32-bit numbers",
            seen={"features": list(fields)},
            next=f"def forward(self, {', '.join(fields[:6])}): a timestamp comes as an int64 tensor of its own",
        )
    return (Input(MATRIX, fields, "float32"),)


def parameters_of(module: Any) -> list[str]:
    """The names of what forward() must be given."""
    return [
        name
        for name, each in inspect.signature(module.forward).parameters.items()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) and each.default is each.empty
    ]


def _by_parameters(module: Any, rows: Rows, parameters: list[str]) -> tuple[Input, ...]:
    known = [name for name in parameters if name in rows.kinds or name == rows.label]
    if parameters and known == parameters:
        refuse_label(tuple(known), rows)
        _refuse_texts(tuple(known), rows)
        return tuple(Input(name, (name,), _type(rows.kinds[name])) for name in known)
    if len(parameters) != 1:
        unknown = [name for name in parameters if name not in known]
        raise Refused(
            "LG316",
            f"forward() of {type(module).__name__} takes {', '.join(parameters[:12]) or 'nothing'}; "
            f"{unknown[0] if unknown else 'that'} is no field",
            seen={"parameters": parameters[:24], "fields": list(rows.kinds)[:40]},
            next="name each parameter like its field, or set self.features to a list of fields and take one matrix",
        )
    numbers = tuple(name for name, kind in rows.kinds.items() if kind in _NUMBERS)
    if not numbers:
        raise Refused("LG316", "no field is a number that a torch module could take", next="lockgate explain LG338")
    return (Input(MATRIX, numbers, "float32"),)


def _refuse_texts(fields: tuple[str, ...], rows: Rows) -> None:
    texts = [name for name in fields if rows.kinds[name] == "string"]
    if texts:
        raise Refused(
            "LG338",
            f"the field {texts[0]!r} is a text, which no torch module takes",
            seen={"texts": texts[:24]},
            next="encode it as an integer by a computed_field or features.py; an Embedding takes it then",
        )


def _type(kind: Kind) -> InputType:
    return "int64" if kind == "timestamp" else "float32"
