"""A contract's compiled plan: which values Pydantic surely accepts, as data. Pure.

The plan is made in the jail that imports the user's code (`contract.jail.compile`) by an allow-list of core-schema
nodes, and is shipped as JSON; nothing of the user's code goes with it. It is one-sided: what it accepts, Pydantic
accepts with the same value; about everything else it says nothing, and Pydantic itself is asked.

    {"v": 1, "pydantic": "2.14.3", "model": "Flight", "rows": "" or why whole records go to Python,
     "extra": "ignore" | "allow" | "forbid",
     "fields": [{"name", "kind", "columns": [NAME, ...], "nullable", "missing": null or {"value": ...},
                 "node": {"node": "int", ...}}, ...]}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from lockgate.contract.spec import KINDS, Kind
from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import decode_exact, encode

VERSION = 1
MAX_PLAN = 16 << 20

Extra = Literal["ignore", "allow", "forbid"]
Zone = Literal["any", "aware", "naive"]


@dataclass(frozen=True)
class Whole:
    """A whole number. `strict`: no other spelling than a number."""

    strict: bool = False
    ge: int | None = None
    gt: int | None = None
    le: int | None = None
    lt: int | None = None
    multiple_of: int | None = None


@dataclass(frozen=True)
class Real:
    """A float. NaN fails every bound; `finite` refuses it without one."""

    strict: bool = False
    finite: bool = False
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None


@dataclass(frozen=True)
class Text:
    """A text. Lengths are in code points, after `strip`; `pattern` is Rust's, searched for anywhere."""

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    strip: bool = False
    lower: bool = False
    upper: bool = False


@dataclass(frozen=True)
class Truth:
    """True or false."""

    strict: bool = False


@dataclass(frozen=True)
class Day:
    """A date. Bounds are days since 1970-01-01."""

    strict: bool = False
    ge: int | None = None
    gt: int | None = None
    le: int | None = None
    lt: int | None = None


@dataclass(frozen=True)
class Moment:
    """A datetime, with an offset (`aware`), without (`naive`), or either.

    Bounds are microseconds since the epoch. They compare with times of one kind only: `bounds` says with which, and
    is "any" without them.
    """

    strict: bool = False
    zone: Zone = "any"
    bounds: Zone = "any"
    ge: int | None = None
    gt: int | None = None
    le: int | None = None
    lt: int | None = None


@dataclass(frozen=True)
class Choice:
    """One of these texts, or one of these whole numbers."""

    values: tuple[str, ...] | tuple[int, ...]


@dataclass(frozen=True)
class Python:
    """Pydantic's own field validator decides: once per distinct value, or, when `impure`, once per row."""

    why: str
    impure: bool = False


Node = Whole | Real | Text | Truth | Day | Moment | Choice | Python

NODES: Mapping[str, type[Node]] = {
    "int": Whole,
    "float": Real,
    "str": Text,
    "bool": Truth,
    "date": Day,
    "datetime": Moment,
    "choice": Choice,
    "python": Python,
}
_NAMES = {kind: name for name, kind in NODES.items()}


@dataclass(frozen=True)
class FieldPlan:
    """One field. `columns`: names under which its value may stand in a record, all but one of which must be absent.

    `missing`: None when a record without the field is refused; else `{"value": ...}`, the default as the column
    holds it.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    node: Node
    nullable: bool = False
    missing: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The field as the plan carries it."""
        node = {"node": _NAMES[type(self.node)], **_plain(self.node)}
        said = {"name": self.name, "kind": self.kind, "columns": list(self.columns), "node": node}
        missing = dict(self.missing) if self.missing is not None else None
        return {**said, "nullable": self.nullable, "missing": missing}


@dataclass(frozen=True)
class Plan:
    """A whole contract. With `rows`, no field decides alone: every record goes to Pydantic as it is."""

    model: str
    pydantic: str
    fields: tuple[FieldPlan, ...]
    extra: Extra = "ignore"
    rows: str = ""

    def encode(self) -> bytes:
        """The one spelling of this plan."""
        said = {"v": VERSION, "pydantic": self.pydantic, "model": self.model, "rows": self.rows, "extra": self.extra}
        return encode({**said, "fields": [field.as_json() for field in self.fields]})

    @property
    def digest(self) -> Digest:
        """Digest of `encode`; the Pydantic version is in it, because it decides verdicts."""
        return digest_of(self.encode())


def parse_plan(data: bytes) -> Plan:
    """Read what `Plan.encode` wrote. Raises ValueError on any other form: the jail that made it is not trusted."""
    if len(data) > MAX_PLAN:
        raise ValueError("the plan is too long")
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"v", "pydantic", "model", "rows", "extra", "fields"}:
        raise ValueError("a plan has exactly v, pydantic, model, rows, extra and fields")
    if value["v"] != VERSION or value["extra"] not in get_args(Extra) or not isinstance(value["fields"], list):
        raise ValueError("a plan of an unknown version or form")
    texts = (value["model"], value["pydantic"], value["rows"])
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("model, pydantic and rows are texts")
    found = Plan(texts[0], texts[1], tuple(_field(entry) for entry in value["fields"]), value["extra"], texts[2])
    names = [field.name for field in found.fields]
    reasons = [found.rows, *(field.node.why for field in found.fields if isinstance(field.node, Python))]
    if not all(text.isprintable() for text in reasons):
        raise ValueError("a reason holds what no terminal should be shown")
    if len(set(names)) != len(names) or found.encode() != data:
        raise ValueError("the plan is not in its one spelling")
    return found


def _field(value: Any) -> FieldPlan:
    if not isinstance(value, dict) or set(value) != {"name", "kind", "columns", "node", "nullable", "missing"}:
        raise ValueError("a field of the plan is not in form")
    columns, missing = value["columns"], value["missing"]
    if not isinstance(value["name"], str) or value["kind"] not in KINDS or type(value["nullable"]) is not bool:
        raise ValueError("a field's name, kind or nullable is not in form")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise ValueError("a field's columns are texts")
    if missing is not None and (not isinstance(missing, dict) or set(missing) != {"value"}):
        raise ValueError("a default is one value")
    if missing is not None and not _fits(value["kind"], missing["value"]):
        raise ValueError(f"the default of {value['name']} is not of its kind")
    node = _node(value["node"])
    return FieldPlan(value["name"], value["kind"], tuple(columns), node, value["nullable"], missing)


def _node(value: Any) -> Node:
    if not isinstance(value, dict) or value.get("node") not in NODES:
        raise ValueError("an unknown node")
    kind = NODES[value["node"]]
    if set(value) != {"node", *(field.name for field in fields(kind))}:
        raise ValueError(f"a node {value['node']!r} has other settings")
    settings = {name: setting for name, setting in value.items() if name != "node"}
    if kind is Choice:
        values = settings["values"]
        if not isinstance(values, list) or not values or len({type(one) for one in values}) != 1:
            raise ValueError("choices are of one kind")
        settings["values"] = tuple(values)
    made: Node = kind(**settings)
    _check(made)
    return made


def _check(node: Node) -> None:
    """Every setting has the type that its class declares."""
    for field in fields(node):
        value = getattr(node, field.name)
        if not _declared(str(field.type), value):
            raise ValueError(f"{type(node).__name__}.{field.name} may not be {value!r}")


def _declared(kind: str, value: Any) -> bool:
    match kind:
        case "bool":
            return type(value) is bool
        case "str":
            return isinstance(value, str)
        case "str | None":
            return value is None or isinstance(value, str)
        case "int | None":
            return value is None or (type(value) is int and -(2**63) <= value < 2**63)
        case "float | None":
            return value is None or (type(value) in (int, float) and math.isfinite(value))
        case "Zone":
            return value in get_args(Zone)
        case _:
            return isinstance(value, tuple) and type(value[0]) in (str, int)


def _fits(kind: Kind, value: Any) -> bool:
    if value is None:
        return True
    wanted: Mapping[Kind, tuple[type, ...]] = {"float": (float, int), "int": (int,), "bool": (bool,)}
    if kind == "timestamp":
        return type(value) is int
    return type(value) in wanted.get(kind, (str,))


def _plain(node: Node) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(node).items()}
