"""Which format a file has, by its content. A name that says otherwise is a finding, not a hint."""

from __future__ import annotations

import codecs
from pathlib import Path

from lockgate.contract.spec import SourceKind
from lockgate.errors import Refused

_HEAD = 4096
_MAGIC = b"PAR1"
_SUFFIXES: dict[str, SourceKind] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_FOREIGN = {
    b"\x1f\x8b": ("a gzip file", "unpack it first: gunzip"),
    b"PK\x03\x04": ("a zip archive or a spreadsheet", "unpack it, or save it as CSV"),
    b"PK\x05\x06": ("an empty zip archive", "fetch it again"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it first: 7z x"),
    b"\x04\x22\x4d\x18": ("an lz4 file", "unpack it first: unlz4"),
    b"\xff\x06\x00\x00sNaPpY": ("a snappy file", "unpack it first"),
    b"Obj\x01": ("an Avro file", "save it as Parquet"),
    b"\x28\xb5\x2f\xfd": ("a zstd file", "unpack it first: unzstd"),
    b"BZh": ("a bzip2 file", "unpack it first: bunzip2"),
    b"\xfd7zXZ\x00": ("an xz file", "unpack it first: unxz"),
    b"\x80\x04\x95": ("a Python pickle, which is a program and not data", "save it as Parquet"),
    b"ARROW1": ("an Arrow IPC file", "save it as Parquet"),
    b"SQLite format 3\x00": (
        "an SQLite database",
        'sqlite3 -header -csv FILE.db < QUERY.sql > rows.csv   # to begin; then sources = ["sql:NAME:QUERY.sql"]',
    ),
}
_WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def sniff(path: Path, name: str, declared: str | None, encoding: str) -> SourceKind:
    """The format of `path`, called `name`. Raises Refused LG103, LG106, LG107 or LG108."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise Refused("LG103", f"{name} is empty", seen={"file": name, "bytes": 0}, next=f"look at {name}")
    kind = _content(path, name, head, encoding)
    said = declared or _SUFFIXES.get(Path(name).suffix.lower())
    if said is not None and said != kind:
        raise _mismatch(name, said, kind, head)
    return kind


def _content(path: Path, name: str, head: bytes, encoding: str) -> SourceKind:
    if head.startswith(_MAGIC):
        if not _ends_with_magic(path):
            raise Refused(
                "LG108",
                f"{name} is a Parquet file that was cut short: its footer is missing",
                seen={"file": name, "bytes": path.stat().st_size},
                next=f"fetch {name} again",
            )
        return "parquet"
    for magic, (what, remedy) in _FOREIGN.items():
        if head.startswith(magic):
            raise Refused("LG106", f"{name} is {what}", seen={"file": name}, next=remedy)
    _check_width(name, head, encoding)
    text = head.decode(encoding, errors="ignore").lstrip("\ufeff \t\r\n")
    if text.startswith("["):
        raise Refused(
            "LG106",
            f"{name} is one JSON array; JSON Lines has one record per line",
            seen={"file": name},
            next=f"jq -c '.[]' {name} > records.jsonl",
        )
    return "jsonl" if text.startswith("{") else "csv"


def _check_width(name: str, head: bytes, encoding: str) -> None:
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    for mark, proper in _WIDE.items():
        if head.startswith(mark) and not wide:
            raise Refused(
                "LG107",
                f"{name} is not {encoding}: it begins with the mark of {proper}",
                seen={"file": name, "byte": 0, "value": mark.hex()},
                next=f'set [data] encoding = "{proper}" in lockgate.toml',
            )
    if b"\0" in head and not wide:
        raise Refused(
            "LG106",
            f"{name} is neither Parquet nor text: it holds zero bytes",
            seen={"file": name, "byte": head.index(b"\0")},
            next="give CSV, JSON Lines or Parquet",
        )


def _ends_with_magic(path: Path) -> bool:
    size = path.stat().st_size
    if size < len(_MAGIC) * 3:
        return False
    with path.open("rb") as file:
        file.seek(size - len(_MAGIC))
        return file.read() == _MAGIC


def _mismatch(name: str, said: str, kind: str, head: bytes) -> Refused:
    return Refused(
        "LG106",
        f"{name} says that it is {said}, its content is {kind if kind != 'csv' else 'text that looks like csv'}",
        seen={"file": name, "declared": said, "found": kind, "first_bytes": head[:16].hex()},
        next=f"rename {name}, or fetch it again",
    )
