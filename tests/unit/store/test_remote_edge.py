"""`store.remote.edge`: what a registry says is read in one way, or not at all."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core import shown as words
from lockgate.core.digest import digest_of
from lockgate.store.oci import IMAGE_INDEX
from lockgate.store.remote import edge
from lockgate.store.remote.edge import Descriptor


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="here"', {"basic": {"realm": "here"}}),
        ("Basic", {"basic": {}}),
        ("Bearer realm=x,service=y", {"bearer": {"realm": "x", "service": "y"}}),
        (
            'bearer REALM="a,b=\\"c\\"" , scope="r:x:pull,push"',
            {"bearer": {"realm": 'a,b="c"', "scope": "r:x:pull,push"}},
        ),
        (
            'Basic realm="a", Bearer realm="b",service="c"',
            {"basic": {"realm": "a"}, "bearer": {"realm": "b", "service": "c"}},
        ),
        ('Bearer realm="first",realm="second"', {"bearer": {"realm": "first"}}),
        ("", {}),
    ],
)
def test_challenges(header: str, expected: dict[str, dict[str, str]]) -> None:
    """One or several in a header; the first of two values counts."""
    assert edge.read_challenges(header) == expected


@pytest.mark.parametrize("header", ['Bearer realm="open', "Bearer =x", '"x"', "Bearer realm=a b=c d", "Bearer a=\0"])
def test_malformed_challenges(header: str) -> None:
    """Not guessed at."""
    with pytest.raises(ValueError, match="challenge"):
        edge.read_challenges(header)


@given(st.text(max_size=80) | st.text('Bearer realm=",\\ \t', max_size=60))
def test_challenges_never_fail_otherwise(header: str) -> None:
    """Any text is read or is ValueError, in time that does not explode."""
    with suppress(ValueError):
        edge.read_challenges(header)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"token": "abc"}, ("abc", 60.0)),
        ({"access_token": "abc", "expires_in": 300}, ("abc", 300.0)),
        ({"token": "abc", "expires_in": 10**9}, ("abc", 3600.0)),
        ({"token": "abc", "expires_in": True}, ("abc", 60.0)),
        ({"token": "abc", "expires_in": -1}, ("abc", 60.0)),
        ({"token": "abc", "expires_in": "7"}, ("abc", 60.0)),
    ],
)
def test_tokens(answer: object, expected: tuple[str, float]) -> None:
    """Under either name; good for a minute where nothing sensible is said."""
    assert edge.read_token(json.dumps(answer).encode()) == expected


@pytest.mark.parametrize("token", ["", 1, None, "a\r\nX: y", "a b", "a" * 40_000])
def test_no_tokens(token: object) -> None:
    """Nothing that would become a second header or fill one."""
    for answer in ({"token": token}, [token], {}):
        with pytest.raises(ValueError, match="token"):
            edge.read_token(json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"errors":[{"code":"DENIED","message":"not yours","detail":{"a":[]}}]}', "DENIED: not yours"),
        (b'{"errors":[{"code":"A"},{"message":"b"},7,{"code":5}]}', "A; b"),
        (b'{"errors":{}}', ""),
        (b"<html>", ""),
        (b"\xff", ""),
    ],
)
def test_refusals(body: bytes, expected: str) -> None:
    """The registry's own words, where it has any."""
    assert edge.read_refusal(body) == expected


@given(st.text())
def test_words_are_shown_safely(text: str) -> None:
    """One line, bounded, printable: nothing reaches a terminal that steers it."""
    shown = words.shown(text)
    assert shown.isprintable()
    assert len(shown) < 3100


@pytest.mark.parametrize(
    ("header", "expected"),
    [("0-99", 100), ("bytes=0-99", 100), ("0-0", None), ("", None), ("1-99", None), ("0-x", None), ("0-9,11-12", None)],
)
def test_how_much_was_uploaded(header: str, expected: int | None) -> None:
    """From the beginning, or it is not known: 0-0 is said of one byte and of none."""
    assert edge.uploaded(header) == expected


@pytest.mark.parametrize("header", ["bytes 5-9/10", "bytes 5-9/*"])
def test_the_rest_is_the_rest(header: str) -> None:
    """All of it, from where it broke off."""
    edge.check_served(header, 5, 10)
    for start, size in ((4, 10), (6, 10), (5, 11), (5, 9)):
        with pytest.raises(ValueError, match="asked for bytes"):
            edge.check_served(header, start, size)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", ""), ('</v2/x/referrers/y?n=1>; rel="next"', "/v2/x/referrers/y?n=1"), ("<a>;rel=next", "a")],
)
def test_links(header: str, expected: str) -> None:
    """The next page, or none."""
    assert edge.next_page(header) == expected


@pytest.mark.parametrize("header", ["x", '<a>; rel="prev"', '<a b>; rel="next"', f'<{"a" * 3000}>; rel="next"'])
def test_malformed_links(header: str) -> None:
    """A page that would be missed is an error."""
    with pytest.raises(ValueError, match="Link"):
        edge.next_page(header)


def descriptor(**changes: object) -> dict[str, Any]:
    """A good one, changed."""
    return {"mediaType": "a/b", "digest": digest_of(b"x"), "size": 1} | changes


def test_an_index() -> None:
    """Its descriptors, and everything else in it as it stands; null is how Go writes an empty list."""
    entry = descriptor(artifactType="c/d", annotations={"k": "v"}, platform={"os": "linux"})
    value = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [entry], "more": 1}
    raw, found = edge.read_index(json.dumps(value).encode())
    assert raw == value
    assert found == (Descriptor("a/b", digest_of(b"x"), 1, "c/d", {"k": "v"}),)
    assert found[0].as_json() == {name: part for name, part in entry.items() if name != "platform"}
    assert edge.read_index(json.dumps(value | {"manifests": None}).encode())[1] == ()


@pytest.mark.parametrize(
    "change",
    [
        {"schemaVersion": 1},
        {"mediaType": "text/html"},
        {"manifests": {}},
        {"manifests": [7]},
        {"manifests": [descriptor(size=True)]},
        {"manifests": [descriptor(size=1.5)]},
        {"manifests": [descriptor(size=1 << 60)]},
        {"manifests": [descriptor(mediaType=None)]},
        {"manifests": [descriptor(annotations={"k": 1})]},
        {"manifests": [descriptor(artifactType=["a"])]},
        {"manifests": [descriptor(digest="sha256:XY")]},
    ],
)
def test_no_index(change: dict[str, Any]) -> None:
    """One bad entry makes the list one that cannot be read: nothing is skipped in silence."""
    value = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": []} | change
    with pytest.raises(ValueError, match=r"."):
        edge.read_index(json.dumps(value).encode())


def test_what_is_attached() -> None:
    """Type and annotations as an index lists them; without an artifact type the configuration's type is it."""
    value = {"mediaType": "m/m", "config": {"mediaType": "c/c"}, "subject": {"digest": digest_of(b"s")}}
    assert edge.read_attached(json.dumps(value).encode())[0].artifact_type == "c/c"
    found, subject = edge.read_attached(json.dumps(value | {"artifactType": "a/a"}).encode())
    assert (found.artifact_type, subject) == ("a/a", digest_of(b"s"))
    with pytest.raises(ValueError, match="no subject"):
        edge.read_attached(b"{}")
