"""runtime.code_bundle: what is packed is what is unpacked, and nothing else is read."""

from __future__ import annotations

import base64

import pytest

from lockgate.core.encoding import encode
from lockgate.runtime import code_bundle

FILES = {"features.py": b"x = 1\n", "lib/zones.csv": b"\xff\x00,1\n", "empty.py": b""}


def _bundle(files: object, version: object = 1) -> bytes:
    return encode({"v": version, "files": files})


def test_files_come_back_as_they_were() -> None:
    """Texts, other bytes, an empty file and one in a folder; the order in which they were given does not matter."""
    packed = code_bundle.pack(FILES)
    assert code_bundle.unpack(packed) == FILES
    assert code_bundle.pack(dict(reversed(FILES.items()))) == packed


@pytest.mark.parametrize(
    "name",
    [
        "../features.py",
        "/tmp/features.py",
        "a//b.py",
        "a/./b.py",
        "",
        "a\nb.py",
        "..",
        "a\u202eyp.b",
        "a\u200b.py",
        "x.pth",
    ],
    ids=repr,
)
def test_a_name_that_leads_elsewhere_is_refused_both_ways(name: str) -> None:
    """Whoever writes these files writes into a folder of the jail, and nowhere else."""
    with pytest.raises(ValueError, match="file name"):
        code_bundle.pack({name: b""})
    with pytest.raises(ValueError, match="file name"):
        code_bundle.unpack(_bundle({name: ""}))


def test_a_file_cannot_be_a_folder_as_well() -> None:
    """Only one of the two could be written."""
    with pytest.raises(ValueError, match="both a file and a folder"):
        code_bundle.pack({"a": b"", "a/b.py": b""})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        _bundle({}),
        _bundle(["features.py"]),
        _bundle({"features.py": 1}),
        _bundle({"features.py": "no base64!"}),
        _bundle({"features.py": base64.b64encode(b"x").decode() + "\n"}),
        _bundle({"features.py": "eB=="}),  # the same byte as "eA==", spelled otherwise
        _bundle({"features.py": ""}, 2),
        encode({"v": 1, "files": {"features.py": ""}, "more": 1}),
        b'{"v":1,"files":{"features.py":""}}',  # another order of keys than ours
        code_bundle.pack(FILES) + b"\n",
    ],
)
def test_what_we_would_not_write_is_not_read(data: bytes) -> None:
    """One encoding: two readers cannot disagree about what is in it."""
    with pytest.raises(ValueError, match=r"."):
        code_bundle.unpack(data)


def test_more_than_a_closure_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes, in files, and before anything is decoded."""
    monkeypatch.setattr(code_bundle, "MOST_BYTES", 4)
    with pytest.raises(ValueError, match="at most 4 bytes"):
        code_bundle.pack({"features.py": b"x = 1\n"})
    monkeypatch.setattr(code_bundle, "MOST_FILES", 1)
    with pytest.raises(ValueError, match="one to 1 files"):
        code_bundle.pack({"a.py": b"", "b.py": b""})
    monkeypatch.setattr(code_bundle, "MOST", 10)
    with pytest.raises(ValueError, match="at most 10 are taken"):
        code_bundle.unpack(b"{" * 11)
