"""The contract on each request: fast accept, slow truth (docs/adr/0033). Pure; no code of the user's is near.

1. The whole body is decoded at once by a type that is made from the contract's plan (`request_types`).   2. What that
type takes, Pydantic surely accepts, with the same values: it goes to the model.   3. What it does not take is read as
strict JSON (`request_json`). If it is that, Pydantic decides, in a jail of its own, and words the reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lockgate.contract.given import Given
from lockgate.contract.plan import Plan
from lockgate.contract.request_json import NotJson, TooMany, count, exact, identifier, parse_strict, records_of
from lockgate.contract.request_memory import TAUGHT, UNKNOWN
from lockgate.contract.request_types import Shape, Step, shape_of
from lockgate.contract.spec import WIRE, Kind
from lockgate.core.wire import Column, WireError

__all__ = ["NotJson", "RequestChecker", "TooMany"]

Row = tuple[Any, ...]

_LEAST, _MOST = 1e-4, 1e16
"""Between these, msgspec and Python spell a float alike; beyond, one writes 0.00001 and the other 1e-05."""

_spell = msgspec.json.encode
_spell_lines = msgspec.json.Encoder().encode_lines
_columns = msgspec.structs.astuple


class RequestChecker:
    """Reads the records of requests for one model.

    `inputs`: name and kind of each field of io.json, in its order. `plan` None: Pydantic decides about every record.
    The plan is the contract worker's word, and that worker runs the user's code: a plan that lies lets by what its own
    contract would refuse, which the contract could have said itself. It cannot give a value of another type.
    """

    def __init__(self, plan: Plan | None, inputs: Sequence[tuple[str, Kind]]) -> None:
        self.plan = plan
        self._inputs = tuple(inputs)
        shape = shape_of(plan, self._inputs)
        self._sight = _Sight(shape) if shape is not None else None

    def read(self, body: bytes, *, limit: int) -> Given:
        """The records in the body of `POST /predict`. Raises NotJson, TooMany."""
        # A record takes three bytes at least, and a brace of its own: mostly, there is nothing to count.
        if len(body) > 3 * limit and body.count(b"{") - 1 > limit:
            count(body, limit)
        if self._sight is not None:
            found = self._sight.at_once(body)
            if found is not None:
                return found
        records, name = records_of(parse_strict(body), limit)
        given = self.records(records)
        given.id = name
        return given

    def records(self, records: Sequence[Mapping[str, Any]]) -> Given:
        """Records that came by another protocol, as values of JSON. Raises NotJson when one is none."""
        if self._sight is None:
            return Given(len(records), [exact(record) for record in records])
        return _given([self._sight.record(record) for record in records])

    def learn(self, given: Given, columns: Sequence[Column]) -> Sequence[Row]:
        """Pydantic accepted these records and made these columns of them: the rows, and next time they are known.

        Raises WireError when the columns are not those of the model's inputs.
        """
        wanted = [(name, WIRE[kind]) for name, kind in self._inputs]
        if [(each.name, each.type) for each in columns] != wanted or any(each.rows != given.rows for each in columns):
            raise WireError("the columns are not those of the model's inputs")
        rows: list[Row] = list(zip(*(column.values() for column in columns), strict=True))
        if self._sight is not None and self._sight.shape.memories:
            self._remember(self._sight.shape, given.canonical, rows)
        return rows

    def _remember(self, shape: Shape, canonical: Sequence[bytes], rows: Sequence[Row]) -> None:
        place = {name: number for number, (name, _) in enumerate(self._inputs)}
        left = dict.fromkeys(shape.memories, TAUGHT)
        for data, row in zip(canonical, rows, strict=True):
            record = msgspec.json.decode(data)
            for name, memory in shape.memories.items():
                sent = [record[column] for column in shape.columns[name] if column in record]
                if len(sent) == 1 and left[name]:
                    left[name] -= memory.learn(sent[0], row[place[name]] if name in place else None)


class _Sight:
    """What a shape accepts at sight."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._known = frozenset(shape.names)
        self._numbers = shape.numbers
        self._colons = (
            None if shape.numbers is None else len(shape.names) + sum(name.count(":") for name in shape.names)
        )
        self._pick = _picker(shape.inputs)
        name = Annotated[str, Meta(min_length=1)] | UnsetType
        records: Any = list[shape.record]  # type: ignore[name-defined]  # a class made at run time
        members: list[Any] = [("records", Annotated[records, Meta(min_length=1)]), ("id", name, UNSET)]
        whole = msgspec.defstruct("Body", members, kw_only=True, forbid_unknown_fields=True, gc=False)
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(whole).decode

    def at_once(self, body: bytes) -> Given | None:
        """The records of `body`, where the type takes them all and no key stands twice. Raises NotJson."""
        if b"\\" in body:
            return None
        try:
            whole = self._decode(body)
        except ValueError:
            return None
        records, name = whole.records, whole.id
        rows = len(records)
        data = _spell_lines(records)
        # Without a backslash, no colon is hidden: one stands after each key, others in texts. A key that stood twice,
        # of which only the last is in the record, had one more.
        colons = data.count(b":") if self._colons is None else rows * self._colons
        if name is UNSET:
            name = ""
        else:
            colons += 1 + name.count(":")
            name = identifier(name)
        if colons + 1 != body.count(b":"):
            return None
        numbers = self._numbers
        if (
            numbers is not None
            and data.count(b".") == rows * numbers[0]
            and data.count(b"e") == rows * numbers[1]
            and b"0.0000" not in data
        ):
            # Every number of a float field has its point, and none an exponent: floats, spelled as Python does.
            return Given(rows, data.split(b"\n")[:-1], list(map(self._pick, map(_columns, records))), name)
        found = _given(list(map(self._judge, data.split(b"\n"), records)))
        found.id = name
        return found

    def record(self, record: Mapping[str, Any]) -> tuple[bytes, Row | None]:
        """One record in the exact encoding, and its row where it is surely accepted. Raises NotJson."""
        known = record
        if self.shape.drops and not record.keys() <= self._known:
            known = {name: value for name, value in record.items() if name in self._known}
        try:
            made = msgspec.convert(known, self.shape.record)
            data, row = self._judge(_spell(made), made)
        except ValueError:
            return exact(record), None
        return (data if known is record else exact(record)), row

    def _judge(self, data: bytes, record: msgspec.Struct) -> tuple[bytes, Row | None]:
        """The record in the exact encoding, which `data` is but for unusual floats, and its row."""
        columns = list(_columns(record))
        for place in self.shape.floats:
            value = columns[place]
            if type(value) is float and not _LEAST <= value < _MOST and not (value == 0 or -_MOST < value <= -_LEAST):
                sent = zip(self.shape.names, columns, strict=True)
                data = exact({name: value for name, value in sent if value is not UNSET})
                break
        for place in self.shape.reals:
            if type(columns[place]) is int:
                columns[place] = float(columns[place])
        decided = all(_decide(step, columns) for step in self.shape.steps)
        return data, self._pick(columns) if decided else None


def _decide(step: Step, columns: list[Any]) -> bool:
    """Put the value of the step's field into its place; whether it is surely accepted."""
    first, *others = step.places
    value = columns[first]
    for place in others:
        if value is UNSET:
            value = columns[place]
        elif columns[place] is not UNSET:
            return False
    if value is UNSET:
        value = step.default
    elif step.decide is not None:
        value = step.decide(value)
    columns[first] = value
    return value is not UNKNOWN and value is not UNSET


def _given(judged: Sequence[tuple[bytes, Row | None]]) -> Given:
    """All records are accepted at sight, or Pydantic is asked about all."""
    values = [row for _, row in judged if row is not None]
    return Given(len(judged), [data for data, _ in judged], values if len(values) == len(judged) else None)


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Row]:
    """What takes the model's inputs out of a record's columns."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda columns: tuple(columns[place] for place in places)
