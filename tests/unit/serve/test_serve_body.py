"""Strict JSON at the edge."""

from __future__ import annotations

import pytest

from lockgate.contract.given import Given
from lockgate.contract.requests import RequestChecker
from lockgate.serve import body
from lockgate.serve.declined import Declined


@pytest.mark.parametrize(
    "data",
    [
        b'{"records": [{"a": NaN}]}',
        b'{"records": [{"a": Infinity}]}',
        b'{"records": [{"a": -Infinity}]}',
        b'{"records": [{"a": 1e999}]}',
        b'{"records": [{"a": 1, "a": 2}]}',
        b'{"records": [], "records": [{}]}',
        b'{"records": [{"a": "\\ud800"}]}',
        b'{"records": [{"a": "\xff"}]}',
        b'{"records": [{"a": 1}]',
        b"",
        b"[1]",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"records": [{"a": ' + b"1" * 5000 + b"}]}",
        b'\xef\xbb\xbf{"records": [{}]}',
    ],
    ids=lambda data: data[:24].decode("latin-1"),
)
def test_what_is_not_strict_json_is_400(data: bytes) -> None:
    """NaN, infinities, overflow, duplicate keys, lone surrogates, depth: all 400, none a traceback."""
    with pytest.raises(Declined) as caught:
        body.parse(data)
    assert (caught.value.status, caught.value.finding) == (400, "LG608")


def test_plain_json_passes() -> None:
    """The positive control."""
    assert body.parse(b' {"records": [{"a": 1.5, "b": "\xc3\xa9", "c": null}]}') == {
        "records": [{"a": 1.5, "b": "é", "c": None}]
    }


def test_the_checkers_words_get_a_status() -> None:
    """What is no request is 400, more records than the cap 413; a good one comes out as the checker read it."""
    checker = RequestChecker(None, [("a", "int")])
    assert body.given(checker, b'{"records": [{"a": 1}], "id": "i"}', limit=1) == Given(1, [b'{"a":1}'], None, "i")
    with pytest.raises(Declined) as malformed:
        body.given(checker, b'{"records": []}', limit=1)
    assert (malformed.value.status, malformed.value.finding) == (400, "LG608")
    with pytest.raises(Declined) as many:
        body.given(checker, b'{"records": [{"a": 1}, {"a": 2}]}', limit=1)
    assert (many.value.status, many.value.finding) == (413, "LG606")


def test_the_row_cap_is_413() -> None:
    """One row above the cap is refused, the cap itself passes."""
    body.within(10, 10)
    with pytest.raises(Declined) as caught:
        body.within(11, 10)
    assert (caught.value.status, caught.value.finding) == (413, "LG606")
