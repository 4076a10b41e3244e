"""An npz is wholly what it says, or it is refused; a pickle's walk has an end. Each change is to an honest file."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lockgate.register.jail import archive_zip, pickle_walk
from lockgate.register.jail.archive_npz import check_npz
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.pickle_walk import walk


def _npz(*, packed: bool = True, **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, **(arrays or {"a": np.arange(50), "b": np.ones(3)}))
    return buffer.getvalue()


def _check(data: bytes) -> dict[str, Any]:
    return check_npz(io.BytesIO(data), len(data))


def _no(data: bytes) -> str:
    with pytest.raises(NotAllowed) as refused:
        _check(data)
    return refused.value.finding


@pytest.mark.parametrize("packed", [True, False])
def test_what_numpy_saves_is_let_in(packed: bool) -> None:
    """Stored and deflated, also an empty array and many zeros; each member is read to its last byte."""
    found = _check(_npz(packed=packed, a=np.zeros((100, 100)), b=np.zeros((0, 3)), ö=np.array([1])))
    assert (found["count"], sorted(found["arrays"])) == (3, ["a.npy", "b.npy", "ö.npy"])


def _written(members: list[tuple[str, bytes]], **how: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for name, data in members:
            info = zipfile.ZipInfo(name)
            for key, value in how.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return buffer.getvalue()


def _array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3))
    return buffer.getvalue()


def _at(data: bytes, what: bytes, offset: int, value: bytes, *, last: bool = False) -> bytes:
    place = (data.rfind(what) if last else data.find(what)) + offset
    return data[:place] + value + data[place + len(value) :]


def _with_gap() -> bytes:
    """Two members, with bytes between them that no header speaks of."""
    data = _written([("a.npy", _array()), ("b.npy", _array())])
    second = data.rfind(b"PK\x03\x04")
    moved = data[:second] + b"hidden" + data[second:]
    moved = _at(moved, b"PK\x01\x02", 42, struct.pack("<I", second + 6), last=True)
    directory = struct.unpack_from("<I", moved, moved.rfind(b"PK\x05\x06") + 16)[0]
    return _at(moved, b"PK\x05\x06", 16, struct.pack("<I", directory + 6))


HONEST = _npz()
CHANGES: dict[str, Callable[[], bytes]] = {
    "bytes before": lambda: b"x" + HONEST,
    "bytes between": _with_gap,
    "bytes behind": lambda: HONEST + b"x",
    "a comment": lambda: HONEST[:-2] + b"\x01\x00x",
    "cut off": lambda: HONEST[:-1],
    "another member": lambda: _written([("a.npy", _array()), ("a.txt", b"x")]),
    "twice": lambda: _written([("a.npy", _array()), ("a.npy", _array())]),
    "twice in another case": lambda: _written([("a.npy", _array()), ("A.npy", _array())]),
    "a path": lambda: _written([("../a.npy", _array())]),
    "an absolute path": lambda: _written([("/a.npy", _array())]),
    "a backslash": lambda: _written([("x\\a.npy", _array())]),
    "a link": lambda: _written([("a.npy", _array())], external_attr=0o120777 << 16),
    "a member's comment": lambda: _written([("a.npy", _array())], comment=b"x"),
    "a field": lambda: _written([("a.npy", _array())], extra=b"\x99\x99\x02\x00xx"),
    "encrypted": lambda: _at(_at(HONEST, b"PK\x01\x02", 8, b"\x01"), b"PK\x03\x04", 6, b"\x01"),
    "another method": lambda: _at(HONEST, b"PK\x01\x02", 10, b"\x0c"),
    "headers that differ": lambda: _at(HONEST, b"PK\x03\x04", 14, b"\0\0\0\0"),
    "another sum": lambda: _at(_at(HONEST, b"PK\x01\x02", 16, b"\0\0\0\0"), b"PK\x03\x04", 14, b"\0\0\0\0"),
    "another count": lambda: _at(HONEST, b"PK\x05\x06", 10, b"\x01\x00"),
    "a directory elsewhere": lambda: _at(HONEST, b"PK\x05\x06", 16, struct.pack("<I", 1)),
    "no zip": lambda: b"PK\x03\x04 and no more",
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_archive_that_hides_or_lies_is_refused(change: str) -> None:
    """Bytes that are no part of it, two headers that differ, names, links, fields that nobody reads: LG471."""
    assert _check(HONEST)["count"] == 2
    assert _no(CHANGES[change]()) == "LG471"


def test_an_archive_is_never_expanded_beyond_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of proportion, too large in sum, too many: by what it says, before anything is unpacked."""
    bomb = _npz(a=np.zeros(1 << 20))
    assert _check(bomb)["count"] == 1
    monkeypatch.setattr(archive_zip, "FREE_EXPANSION", 1 << 20)
    assert _no(bomb) == "LG471"
    monkeypatch.setattr(archive_zip, "MOST_RATIO", 10_000)
    assert _check(bomb)["count"] == 1
    monkeypatch.setattr(archive_zip, "MOST_EXPANDED", 1 << 20)
    assert _no(bomb) == "LG471"
    monkeypatch.setattr(archive_zip, "MOST_ENTRIES", 1)
    assert _no(HONEST) == "LG471"


def test_a_member_that_unpacks_to_more_than_it_says_is_refused() -> None:
    """No more is unpacked than both headers say, and what is left over is noticed."""
    data = _npz(a=np.zeros(1000))
    size = struct.unpack_from("<I", data, data.find(b"PK\x01\x02") + 24)[0]
    smaller = data.replace(struct.pack("<I", size), struct.pack("<I", size - 8))
    assert _no(smaller.replace(struct.pack("<Q", size), struct.pack("<Q", size - 8))) in ("LG424", "LG471")


def _walk(data: bytes) -> pickle_walk.Walk:
    return walk(io.BytesIO(data), len(data))


def test_texts_are_no_pickles() -> None:
    """Words that begin as opcodes do, and end as none."""
    for text in (
        "cat\ndog\n",
        "N.B. a\nb",
        "(c) 2020\nx\n",
        "class A:\n    pass\n",
        "Permission is\ngranted\n",
        ".x",
        "",
    ):
        assert not _walk(text.encode()).found


def test_what_is_called_before_a_pickle_breaks_is_a_pickle() -> None:
    """The unpickler calls it, and gives up only then; so also in the second of two, and by INST, OBJ and memo."""
    for data, name in (
        (b"cos\nsystem\n(S'id'\ntRbroken", "os.system"),
        (b"N.cos\nsystem\n(S'id'\ntR.", "os.system"),
        (b"(S'id'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'id'\no.", "os.system"),
        (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93(\x8c\x02idtR.", "os.system"),
        (b"\x80\x04V\\u006fs\nS'\\x73ystem'\n\x93)R.", "os.system"),
        (b"\x80\x02\x82\x05)R.", "copyreg extension 5"),
    ):
        assert (_walk(data).found, _walk(data).names) == (True, [name]), data


def test_a_walk_has_an_end() -> None:
    """Millions of opcodes that do nothing are not followed: that the file goes on so long is the finding."""
    seen = _walk(b"N0" * 1_000_000 + b"cos\nsystem\n(S'id'\ntR.")
    assert (seen.found, seen.endless) == (False, True)
    assert seen.end <= pickle_walk.MOST_OPCODES


def test_a_length_beyond_the_file_ends_the_walk() -> None:
    """Nothing is allocated for what a pickle says that follows."""
    for data in (
        b"\x80\x04\x8e" + b"\xff" * 8,
        b"\x80\x04X\xff\xff\xff\x7f",
        b"T\xff\xff\xff\xff",
        b"\x80\x09.",
        b"I1\n(lp\x1e\n0.",
    ):
        assert not _walk(data).found
