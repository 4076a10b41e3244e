"""A plan as a type for msgspec: one decode tells whether Pydantic surely accepts a record. Pure.

One-sided, like the plan: a value of another spelling than these is not refused, it is Pydantic's to judge.

    node       in JSON                                                       in a row
    int        a whole number within its bounds, without point or exponent   int
    float      a number within its bounds; a whole one up to 2^53            float
    str        a text of a length within its bounds                          str
    bool       true, false                                                   bool
    date       "2024-02-29"                                                  int, microseconds since the epoch
    datetime   "2024-02-29T12:00:00", T or a blank, 0, 3 or 6 digits more,
               then nothing, Z or +02:00                                     int, microseconds since the epoch
    choice     one of its texts or whole numbers                             str, int
    others     a text, number, truth or null that Pydantic accepted before   what it made of it then
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lockgate.contract.plan import Choice, Day, FieldPlan, Moment, Node, Plan, Python, Real, Text, Truth, Whole
from lockgate.contract.request_memory import LONGEST, UNKNOWN, Memory
from lockgate.contract.request_moments import day, moment
from lockgate.contract.spec import Kind

MOST_COLUMNS = 4096
EXACT = 2**53
"""Up to here every whole number is a float."""

_INT64 = 2**63
_HOLDS: Mapping[type[Node], frozenset[Kind]] = {
    Whole: frozenset({"int"}),
    Real: frozenset({"float"}),
    Text: frozenset({"string"}),
    Truth: frozenset({"bool"}),
    Day: frozenset({"timestamp"}),
    Moment: frozenset({"timestamp"}),
    Choice: frozenset({"string", "int"}),
    Python: frozenset({"float", "int", "bool", "string", "timestamp", "other"}),
}

Decide = Callable[[Any], Any]


@dataclass(frozen=True)
class Step:
    """How one field's value is found in a record's columns: at the first of `places` afterwards.

    `default`: UNSET where the field must be sent. `decide`: the value of the row, or UNKNOWN; None: as it stands.
    """

    places: tuple[int, ...]
    default: Any
    decide: Decide | None


@dataclass(frozen=True)
class Shape:
    """A plan, ready to read records.

    `names`: the keys of a record in the order of the type's fields, sorted as in the exact encoding. `inputs`: the
    places of the model's inputs among them. `drops`: other keys are no error, and change nothing. `floats`: places of
    what may be a float in JSON. `reals`: places where a whole number becomes a float. `numbers`: how many points and
    letters e the exact encoding of a record has, when every field is a number or a truth, each is sent, and every float
    is spelled with a point and no exponent.
    """

    record: type[msgspec.Struct]
    names: tuple[str, ...]
    steps: tuple[Step, ...]
    inputs: tuple[int, ...]
    drops: bool
    floats: tuple[int, ...]
    reals: tuple[int, ...]
    memories: Mapping[str, Memory]
    columns: Mapping[str, tuple[str, ...]]
    numbers: tuple[int, int] | None


def shape_of(plan: Plan | None, inputs: Sequence[tuple[str, Kind]]) -> Shape | None:
    """The shape of `plan` for a model with these inputs, or None where Pydantic must see every record.

    A plan comes out of a jail with the user's code. What no honest compiler makes gives None, never an error.
    """
    if plan is None or plan.rows:
        return None
    try:
        return _shape(plan, inputs)
    except Exception:  # noqa: BLE001 - msgspec has many words for a type that it does not make
        return None


def _shape(plan: Plan, inputs: Sequence[tuple[str, Kind]]) -> Shape:
    by_name = {each.name: each for each in plan.fields}
    if any(by_name[name].kind != kind for name, kind in inputs):
        raise ValueError("the plan holds another kind than the model wants")
    sent = [column for each in plan.fields for column in each.columns]
    names = tuple(sorted(sent))
    if not sent or len(set(sent)) != len(sent) or len(sent) > MOST_COLUMNS:
        raise ValueError("a key of a record fills two fields, or there are none, or too many")
    place = {name: number for number, name in enumerate(names)}
    remembered = [each for each in plan.fields if _needs_memory(each.node)]
    memories = {each.name: Memory(len(remembered)) for each in remembered}
    members: list[Any] = [None] * len(names)
    steps, first = [], {}
    for each in plan.fields:
        kind, decide = _type(each, memories.get(each.name))
        optional = each.missing is not None or len(each.columns) > 1
        for column in each.columns:
            name = f"f{place[column]}"
            members[place[column]] = (name, kind | UnsetType, UNSET) if optional else (name, kind)
        places = tuple(place[column] for column in each.columns)
        first[each.name] = places[0]
        if optional or decide is not None:
            steps.append(Step(places, _default(each), decide))
    record = msgspec.defstruct(
        "Record",
        members,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
        rename={f"f{number}": name for name, number in place.items()},
    )
    msgspec.json.Decoder(record)  # raises where it can read no such type
    return Shape(
        record,
        names,
        tuple(steps),
        tuple(first[name] for name, _ in inputs),
        plan.extra != "forbid",
        _places(plan, place, Real | Python),
        _places(plan, place, Real),
        memories,
        {each.name: each.columns for each in plan.fields},
        _numbers(plan, names),
    )


def _numbers(plan: Plan, names: Sequence[str]) -> tuple[int, int] | None:
    """See Shape.numbers. None where a text could hold a point or an e, or a null stand for an e."""
    kinds = [type(each.node) for each in plan.fields]
    odd = any(
        each.missing is not None or len(each.columns) > 1 or (each.nullable and isinstance(each.node, Truth))
        for each in plan.fields
    )
    if odd or not set(kinds) <= {Real, Whole, Truth}:
        return None
    points = kinds.count(Real) + sum(name.count(".") for name in names)
    return points, kinds.count(Truth) + sum(name.count("e") for name in names)


def _needs_memory(node: Node) -> bool:
    if isinstance(node, Text):
        return node.pattern is not None or node.strip or node.lower or node.upper
    return isinstance(node, Python)


def _places(plan: Plan, place: Mapping[str, int], kinds: Any) -> tuple[int, ...]:
    return tuple(place[column] for each in plan.fields if isinstance(each.node, kinds) for column in each.columns)


def _type(each: FieldPlan, memory: Memory | None) -> tuple[Any, Decide | None]:
    """The type of a field's value in JSON, and what makes the row's value of it."""
    node = each.node
    if each.kind not in _HOLDS[type(node)]:
        raise ValueError("a node does not make values of this kind")
    kind: Any
    decide: Decide | None = None
    match node:
        case Whole():
            kind = _whole(node)
        case Real():
            kind = _real(node)
        case Text() if memory is None:
            kind = Annotated[str, Meta(min_length=node.min_length, max_length=node.max_length)]
        case Text():
            kind, decide = Annotated[str, Meta(max_length=LONGEST)], memory.recall if memory is not None else None
        case Truth():
            kind = bool
        case Day():
            kind, decide = str, day(node)
        case Moment():
            kind, decide = str, moment(node)
        case Choice():
            kind = _choice(node, each.kind)
        case Python():
            # Nothing is remembered of what may get another answer next time.
            decide = (lambda _: UNKNOWN) if node.impure or memory is None else memory.recall
            whole = Annotated[int, Meta(ge=-EXACT, le=EXACT)]
            return Annotated[str, Meta(max_length=LONGEST)] | whole | float | bool | None, decide
    return (kind | None, decide and _unless_null(decide)) if each.nullable else (kind, decide)


def _unless_null(decide: Decide) -> Decide:
    return lambda value: None if value is None else decide(value)


def _choice(node: Choice, kind: Kind) -> Any:
    wanted = str if kind == "string" else int
    if not all(type(value) is wanted for value in node.values):
        raise ValueError("a choice is not of its field's kind")
    return Literal[node.values]


def _whole(node: Whole) -> Any:
    low = max(-_INT64, *(bound for bound in (node.ge, _above(node.gt)) if bound is not None), -_INT64)
    high = min(_INT64 - 1, *(bound for bound in (node.le, _below(node.lt)) if bound is not None), _INT64 - 1)
    if low > high:
        raise ValueError("no number is within the bounds")
    return Annotated[int, Meta(ge=low, le=high, multiple_of=node.multiple_of)]


def _above(bound: int | None) -> int | None:
    return None if bound is None else bound + 1


def _below(bound: int | None) -> int | None:
    return None if bound is None else bound - 1


def _real(node: Real) -> Any:
    """A whole number and another one stay apart: they are spelled apart, in what a record commits to."""
    bounds: dict[str, float] = {}
    low, high = -EXACT, EXACT
    if node.ge is not None and (node.gt is None or node.ge > node.gt):
        bounds["ge"], low = float(node.ge), max(low, math.ceil(node.ge))
    elif node.gt is not None:
        bounds["gt"], low = float(node.gt), max(low, math.floor(node.gt) + 1)
    if node.le is not None and (node.lt is None or node.le < node.lt):
        bounds["le"], high = float(node.le), min(high, math.floor(node.le))
    elif node.lt is not None:
        bounds["lt"], high = float(node.lt), min(high, math.ceil(node.lt) - 1)
    broken = Annotated[float, Meta(**bounds)]
    return broken if low > high else Annotated[int, Meta(ge=low, le=high)] | broken


def _default(each: FieldPlan) -> Any:
    if each.missing is None:
        return UNSET
    value = each.missing["value"]
    if value is None:
        return None
    if type(value) is int and each.kind != "float" and not -_INT64 <= value < _INT64:
        raise ValueError("a default is beyond 64 bits")
    return float(value) if each.kind == "float" else value
