"""The archive as a ZIP: one form, the same bytes from the same files, and names that lead nowhere."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.digest import digest_of
from lockgate.export.evidence import zipped
from lockgate.export.evidence.spec import Item, Streamed


@pytest.fixture(name="_plain_index", autouse=True)
def _index(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here is the ZIP: the index is another test's."""
    monkeypatch.setattr(zipped, "index_of", lambda *_: b"{}")


CASE: Any = None
ITEMS = [Item("b/c.json", b"3" * 1000, "", "none"), Item("a", b"", "", "none"), Item("INDEX.html", b"1", "", "none")]


def written(*items: Item) -> bytes:
    """An archive of these."""
    stream = io.BytesIO()
    zipped.write(stream, CASE, items)
    return stream.getvalue()


def test_it_has_one_form() -> None:
    """Sorted, 1980, 0644, no comment, no extra field, no data descriptor, no ZIP64; local headers say the same."""
    data = written(*ITEMS)
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        listed = found.infolist()
        assert [one.filename for one in listed] == ["INDEX.html", "a", "b/c.json", "index.json"]
        assert {(1980, 1, 1, 0, 0, 0)} == {one.date_time for one in listed}
        assert {(0o100644 << 16, 3, b"", b"", 0)} == {
            (one.external_attr, one.create_system, one.extra, one.comment, one.flag_bits) for one in listed
        }
        assert found.comment == b""
        assert found.testzip() is None
    flags, _, _, _, crc, packed, size, name, extra = struct.unpack_from("<HHHHIIIHH", data, 6)
    assert (0, 1, len("INDEX.html"), 0) == (flags, size, name, extra)
    assert crc
    assert packed


def test_the_order_of_the_files_is_no_matter() -> None:
    """The same files give the same bytes; streamed or held."""
    streamed = Item(
        "b/c.json", Streamed(digest_of(b"3" * 1000), 1000, lambda: iter([b"3" * 400, b"3" * 600])), "", "none"
    )
    assert written(*ITEMS) == written(*ITEMS[::-1]) == written(streamed, *ITEMS[1:])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "a/../b",
        ".",
        "./a",
        "a\\b",
        "a\x00",
        "a\nb",
        "é",
        "C:a",
        "a" * 129,
        "a/b:c",
        " ..",
        ".hidden",
        "a./b",
        "a ",
    ],
)
def test_names_that_lead_somewhere(name: str) -> None:
    """No file of an archive has one."""
    assert not zipped.is_name(name)
    with pytest.raises(ValueError, match="name"):
        written(Item(name, b"", "", "none"))


@pytest.mark.parametrize(
    "name", ["a", "model/code/contract.py", "statements/00ff.json", "model/a b (1).txt", "tlog-policy"]
)
def test_names_that_may_be(name: str) -> None:
    """Positive control."""
    assert zipped.is_name(name)
    assert name in zipfile.ZipFile(io.BytesIO(written(Item(name, b"", "", "none")))).namelist()


@pytest.mark.parametrize("names", [("a", "a"), ("a", "A"), ("index.json",)])
def test_no_two_files_are_one(names: tuple[str, ...]) -> None:
    """Neither the same name twice, also where upper and lower case are one, nor the index's."""
    with pytest.raises(ValueError, match="name"):
        written(*(Item(name, b"", "", "none") for name in names))


@pytest.mark.parametrize(("what", "most"), [("MOST_FILES", 3), ("MOST_BYTES", 500)])
def test_more_than_one_archive_holds(what: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused; as much as it holds is not."""
    assert written(*ITEMS)
    monkeypatch.setattr(zipped, what, most)
    with pytest.raises(ValueError, match="more than"):
        written(*ITEMS)


@given(st.text(max_size=40))
def test_a_name_never_leads_out(name: str) -> None:
    """Whatever it is: allowed, it is relative, ASCII, without `..` and without a backslash."""
    if zipped.is_name(name):
        pieces = name.split("/")
        assert name.isascii()
        assert not {"", ".", ".."} & {piece.strip() for piece in pieces}
        assert not set(name) & set("\\:\x00\n")
