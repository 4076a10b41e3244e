"""The inference contract as the engine takes it: the subclass, its fields without the label, its plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import BaseModel

from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import compile_plan
from lockgate.contract.jail.inference import inference_model
from lockgate.contract.plan import Plan
from lockgate.contract.spec import FieldTable


@dataclass(frozen=True)
class Inferred:
    """`table` and `plan` have every field but the label and what is computed from it."""

    model: type[BaseModel]
    table: FieldTable
    plan: Plan


def inferred(model: type[BaseModel], label: str, file: str) -> Inferred:
    """The inference contract of `model`. Raises Usage LG211.

    Nobody can send the hidden label, so that it has its default in every record and decides no verdict: it is left out
    of the plan. A column that bears the label's name is one that no field has, and is judged as `extra` says.
    """
    subclass = inference_model(model, label, file)
    whole = field_table(subclass, label)
    plan = compile_plan(subclass, whole)
    fields = tuple(field for field in whole.fields if not field.label)
    computed = tuple(field for field in whole.computed if not field.label)
    return Inferred(
        subclass,
        replace(whole, fields=fields, computed=computed),
        replace(plan, fields=tuple(field for field in plan.fields if field.name != label)),
    )
