"""What a contract leaves open that a request could use: bounds, NaN and infinity, keys that it does not name. Pure."""

from __future__ import annotations

from lockgate.contract.plan import Plan, Real, Whole
from lockgate.contract.spec import FieldTable
from lockgate.core.verdict import Level, Reason

FINDING = "LG227"
_NAMED = 3


def open_ends(plan: Plan, table: FieldTable) -> tuple[Reason, ...]:
    """At most one note, with the lines that would close what is open.

    Judged by the compiled plan. Of a field that is Python's to judge, and of the label, which no request holds, it says
    nothing.
    """
    labels = {field.name for field in table.fields if field.label}
    numbers = [
        (field.name, field.node)
        for field in plan.fields
        if isinstance(field.node, Real | Whole) and field.name not in labels
    ]
    unbounded = [name for name, node in numbers if not _bounded(node)]
    infinite = [name for name, node in numbers if isinstance(node, Real) and not node.finite and not _bounded(node)]
    settings = ['extra="forbid"'] if plan.extra != "forbid" else []
    settings += ["allow_inf_nan=False"] if infinite else []
    said, lines = [], []
    if unbounded:
        said.append(f"any number as {_listed(unbounded)}")
        lines.append(f"{unbounded[0]}: ... = Field(ge=..., le=...)")
    if infinite:
        said.append("NaN and infinity")
    if plan.extra != "forbid":
        said.append("keys that it does not name")
    if settings:
        lines.append(f"model_config = ConfigDict({', '.join(settings)})")
    if not said:
        return ()
    return (
        Reason(
            FINDING,
            Level.NOTE,
            f"the contract takes {', '.join(said)}; to refuse them, write: {'; '.join(lines)}",
            {"unbounded": unbounded, "infinite": infinite, "extra": plan.extra},
            f"write into the contract: {'; '.join(lines)}",
        ),
    )


def _bounded(node: Real | Whole) -> bool:
    low = node.ge is not None or node.gt is not None
    return low and (node.le is not None or node.lt is not None)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
