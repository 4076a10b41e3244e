"""Accepting at sight is never wrong: what the gateway accepts of a request, Pydantic accepts, with the same values.

A few hundred contracts each time; with `--hypothesis-profile=nightly` 12,000.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lockgate.contract.given import Given
from lockgate.contract.request_json import NotJson, parse_strict
from lockgate.contract.spec import JSON_COLUMN
from lockgate.core.encoding import decode, encode
from tests.support.contract_spellings import BROKEN_LINES, SPELLINGS, TOKENS
from tests.support.contract_values import tables
from tests.support.contracts import Built, contracts
from tests.support.requests import Pair, body

_CALLS = settings.default.max_examples if settings.default is not None else 100
PAIRS = 3 * _CALLS // 2 if _CALLS <= 100 else 12 * _CALLS
"""Contracts: 75, nightly 12,000."""

GOOD, TRIED = 1, 20
"""How many records are changed, and how many spellings from the whole pool are tried in each of their members."""

_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]
_SHRUNK = [phase for phase in Phase if phase is not Phase.explain]


@pytest.mark.timeout(3600)
@settings(max_examples=PAIRS, suppress_health_check=_SLOW, phases=_SHRUNK)
@given(data=st.data())
def test_what_is_accepted_at_sight_pydantic_accepts(data: st.DataObject) -> None:
    """For any contract and any JSON, also once verdicts of Pydantic are remembered, and whatever is sent together."""
    built = data.draw(contracts())
    label = data.draw(st.sampled_from((None, *(item.name for item in built.contract.items))))
    pair = Pair.of(built.model, label)
    lines: list[Any] = data.draw(tables(built, "jsonl")).columns[JSON_COLUMN].to_pylist()
    readable = [line for line in lines if _is_record(pair, line)]
    for line in readable:
        _check(pair, pair.read(line), [line])
        found = pair.read(line)
        columns = pair.asked(found.canonical)
        if columns:
            pair.checker.learn(found, columns)
    for line in readable:
        _check(pair, pair.read(line), [line])
    for line in _one_member_changed(built, readable, data.draw(st.randoms(use_true_random=False))):
        if _is_record(pair, line):
            _check(pair, pair.read(line), [line])
    if readable:
        _check(pair, pair.read(*readable), readable)
        _check(pair, pair.checker.records([json.loads(line) for line in readable]), readable)


def _one_member_changed(built: Built, lines: list[str], chance: Random) -> list[str]:
    """The first records that Pydantic accepts, with another value in one member: near a bound, or any."""
    found: list[str] = []
    for line in [line for line in lines if _accepted(built, line)][:GOOD]:
        record = json.loads(line)
        for item in built.contract.items:
            name = next((column for column in item.columns if column in record), item.columns[0])
            near = [json.dumps(value) for value in item.drawn.near if type(value) in (str, int, float, bool)]
            pool = [*map(json.dumps, SPELLINGS[item.drawn.base]), *TOKENS["any"]]
            others = "".join(
                f"{json.dumps(key)}: {json.dumps(value)}, " for key, value in record.items() if key != name
            )
            tokens = [*near, *chance.sample(pool, min(len(pool), TRIED))]
            found += [f"{{{others}{json.dumps(name)}: {token}}}" for token in tokens]
    return found


def _accepted(built: Built, line: str) -> bool:
    try:
        built.model.model_validate_json(line)
    except Exception:  # noqa: BLE001 - a validator raises what it likes
        return False
    return True


def _is_record(pair: Pair, line: str) -> bool:
    """Whether `line` is one record of strict JSON, and only then; a body that is not strict is refused."""
    try:
        records = _strict(body(line))["records"]
    except ValueError:
        with pytest.raises(NotJson):
            pair.read(line)
        return False
    return len(records) == 1 and isinstance(records[0], dict)


def _check(pair: Pair, found: Given, lines: list[str]) -> None:
    assert found.rows == len(lines)
    assert found.canonical == [encode(decode(line.encode())) for line in lines]
    if found.values is None:
        return
    assert _bits(found.values) == _bits(pair.rows(found.canonical)), lines
    assert _bits(found.values) == _bits(pair.rows([line.encode() for line in lines])), lines


def _bits(rows: Any) -> list[list[str]] | None:
    """Values so that 1, 1.0 and True differ, and 0.0 from -0.0."""
    return None if rows is None else [[f"{type(cell).__name__} {cell!r}" for cell in row] for row in rows]


def _strict(whole: bytes) -> Any:
    """The reference: Python's reader, and its own encoding of what it read."""
    value = decode(whole)
    encode(value)
    return value


_KEYS = ("a", "b", "a:b", "ä", "", "\\u0061", "a\\n", 'q"', "records")
_TEXTS = (
    *TOKENS["any"],
    *TOKENS["list"],
    *TOKENS["nested"],
    '"a:b"',
    '":"',
    '"\\u003a"',
    '"\u2028"',
    '"\x7f"',
    '"\x00"',
)


def _documents() -> st.SearchStrategy[str]:
    """Texts that are mostly JSON: objects whose keys may stand twice, at any depth, and lines that are none."""
    leaf = (
        st.sampled_from(_TEXTS) | st.floats().map(repr) | st.integers().map(str) | st.text(max_size=3).map(json.dumps)
    )

    def wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        member = st.tuples(st.sampled_from(_KEYS), inner).map(lambda pair: f'"{pair[0]}": {pair[1]}')
        objects = st.lists(member, max_size=3).map(lambda members: f"{{{', '.join(members)}}}")
        return objects | st.lists(inner, max_size=3).map(lambda values: f"[{','.join(values)}]")

    return st.recursive(leaf, wider, max_leaves=6) | st.sampled_from(BROKEN_LINES)


@settings(max_examples=PAIRS, suppress_health_check=_SLOW, phases=_SHRUNK)
@given(text=_documents(), deep=st.sampled_from((0, 0, 0, 1, 60, 63, 64, 65, 200)))
def test_strict_json_is_what_python_reads(text: str, deep: int) -> None:
    """The quick reader takes what the strict one takes and gives the same value, bit by bit, or refuses."""
    whole = ("[" * deep + text + "]" * deep).encode("utf-8", "surrogatepass")
    try:
        expected: Any = repr(_strict(whole))
    except ValueError:
        expected = NotJson
    try:
        found: Any = repr(parse_strict(whole))
    except NotJson:
        found = NotJson
    assert found == expected
