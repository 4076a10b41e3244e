"""Pydantic's own word on single cells of one field: its validator of that field, on that value alone.

Asked only about fields whose verdict rests on nothing but their own value (`contract.jail.compile` says which). A
cell that is not accepted here is refused by nobody yet: its record goes to the whole model, which words the reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pydantic import BaseModel
from pydantic_core import SchemaValidator, core_schema

from lockgate.contract.jail.columns import MISFITS, column, misfit
from lockgate.contract.jail.compile import Outline
from lockgate.contract.jail.values import python_values
from lockgate.contract.spec import FieldTable


class CellJudge:
    """The field validators of one model, each built when it is first asked."""

    def __init__(self, model: type[BaseModel], table: FieldTable) -> None:
        self._outline = Outline(model)
        self._fields = {field.name: field for field in table.fields}
        self._validators: dict[str, Callable[[Any], Any] | None] = {}

    def judge(self, name: str, cells: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
        """Per cell: whether it is accepted, and its value as the column of the field's kind holds it, else null."""
        field = self._fields[name]
        validate = self._validator(name)
        given, lost = python_values(cells)
        accepted = [False] * len(given)
        values: list[Any] = [None] * len(given)
        for place, cell in enumerate(given):
            if validate is None or place in lost:
                continue
            try:
                values[place] = validate(cell)
            except Exception:  # noqa: BLE001, S112 - a validator raises what it likes; the whole record tells
                continue
            accepted[place] = True
        try:
            return pa.array(accepted), column(field, values)
        except MISFITS:
            for place, value in enumerate(values):
                if accepted[place] and misfit(field, value) is not None:
                    accepted[place], values[place] = False, None
        return pa.array(accepted), column(field, values)

    def _validator(self, name: str) -> Callable[[Any], Any] | None:
        if name not in self._validators:
            self._validators[name] = self._build(name)
        return self._validators[name]

    def _build(self, name: str) -> Callable[[Any], Any] | None:
        schema: Any = self._outline.fields[name]["schema"]
        if self._outline.definitions:
            schema = core_schema.definitions_schema(schema, list(self._outline.definitions.values()))
        config: Any = self._outline.config
        try:
            return SchemaValidator(schema, config).validate_python
        except Exception:  # noqa: BLE001 - a schema that stands only inside its model: the whole record tells
            return None
