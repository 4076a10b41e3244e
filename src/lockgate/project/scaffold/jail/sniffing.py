"""What kind of file somebody brought: format, encoding, delimiter, what stands in quotes. Runs in the jail.

Trusts nothing: the file is a stranger's. Writes /out/form.json; every answer in it is a guess that the person gets to
read, and the reader (`contract.jail.read`) refuses what does not fit.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lockgate.contract.jail._bounds import MAX_RECORD
from lockgate.contract.jail._sniff import sniff
from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.project.scaffold.spellings import NONE

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 256 << 10
_CHUNK = 8 << 20
_LONGEST = 12
_DAMAGED = 10
"""A text with so many letters of UTF-8 for each byte that is none is UTF-8 with a flaw, not another encoding."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*([eE][+-]?[0-9]+)?\Z")
_YEAR = re.compile(r"(19|20)[0-9]{2}\Z")


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Takes no arguments; `{"name"}` is the file's name, /in/source its content."""
    del arguments
    name = str(read_task()["name"])
    guarded(lambda: _write(name), out_dir(), unexpected="LG957")


def _write(name: str) -> None:
    (out_dir() / "form.json").write_bytes(encode(looked_at(data_dir() / "source", name)))


def looked_at(path: Path, name: str) -> dict[str, Any]:
    """Format and spelling of a file.

    Raises Refused LG9021 for a spreadsheet, LG9022 for a CSV file without names; LG103, LG106 to LG108 as ingest does.
    """
    _check_spreadsheet(path, name)
    encoding, doubt = _encoding(path)
    kind = sniff(path, name, None, encoding)
    found: dict[str, Any] = {"kind": kind, "encoding": encoding, "doubt": doubt, "delimiter": ",", "quoted": []}
    if kind != "csv":
        return found
    head = _head(path, encoding)
    delimiter = found["delimiter"] = _delimiter(head)
    rows = list(_rows(head, delimiter, 2))
    _check_header(rows, name, delimiter)
    return found | {"quoted": sorted(_quoted(path, encoding, delimiter))}


def _check_spreadsheet(path: Path, name: str) -> None:
    with path.open("rb") as file:
        head = file.read(8)
    inside: list[str] = []
    if head.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(path) as archive:
                inside = archive.namelist()[:1000]
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return
    of_sheets = any(each.startswith("xl/") for each in inside) or {"content.xml", "mimetype"} <= set(inside)
    if of_sheets or head == _OLE:
        stem = re.sub(r"[^\w.-]", "_", Path(name).stem) or "data"
        raise Refused(
            "LG9021",
            f"{name} is a spreadsheet: which sheet and which cells are the data is said by saving it as CSV",
            seen={"file": name},
            next=f"in its program: File, Save as, CSV UTF-8, {stem}.csv; then: "
            f"lockgate init DIR --data {stem}.csv --label COLUMN",
        )


def _encoding(path: Path) -> tuple[str, str]:
    """The encoding, and a word that shows whether it is the right one; "" where nothing was guessed."""
    with path.open("rb") as file:
        head = file.read(4)
    if head == b"PAR1":
        return "utf-8", ""
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16", ""
    if _decodes(path, "utf-8"):
        return "utf-8", ""
    with path.open("rb") as file:
        sample = file.read(_CHUNK)
    text = sample.decode("utf-8", errors="replace")
    good = sum(1 for letter in text if letter > "\x7f" and letter != "\ufffd")
    if good > _DAMAGED * text.count("\ufffd"):
        return "utf-8", ""
    chosen = "cp1252" if _decodes(path, "cp1252") else "latin-1"
    shown = re.search(r"\w*[^\W_a-zA-Z0-9]\w*", sample.decode(chosen, errors="replace"))
    return chosen, shown[0][:40] if shown else ""


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while piece := file.read(_CHUNK):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _head(path: Path, encoding: str) -> str:
    """The first lines, whole."""
    with path.open("rb") as file:
        data = file.read(_SAMPLE)
        whole = len(data) < _SAMPLE
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(data).removeprefix("\ufeff")
    return text if whole or "\n" not in text else text[: text.rindex("\n") + 1]


def _delimiter(head: str) -> str:
    """What cuts most lines into as many cells as the first one, of which there are more than one."""
    best, most = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        widths = [len(row) for row in _rows(head, delimiter, 1000)]
        if not widths or widths[0] < 2:
            continue
        score = (round(Counter(widths)[widths[0]] / len(widths), 2), widths[0])
        if score > most:
            best, most = delimiter, score
    return best


def _rows(head: str, delimiter: str, most: int) -> Iterator[list[str]]:
    csv.field_size_limit(MAX_RECORD)
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if row:
                yield row
                most -= 1
            if not most:
                return
    except csv.Error:
        return


def _check_header(rows: Sequence[Sequence[str]], name: str, delimiter: str) -> None:
    """A first line of which half is numbers, like the line below it, is a record."""
    if len(rows) < 2:
        return
    first, second = (
        [bool(_NUMBER.match(cell.strip()) and not _YEAR.match(cell.strip())) for cell in row] for row in rows
    )
    if 2 * sum(first) >= len(first) and sum(second) >= sum(first):
        names = delimiter.join(f"column_{place + 1}" for place in range(min(len(first), 20)))
        raise Refused(
            "LG9022",
            f"the first line of {name} looks like a record, not like names of columns",
            seen={"file": name, "first_line": [cell[:40] for cell in rows[0][:10]]},
            next=f"sed '1i {names}' FILE > named.csv   # write what they are; then: init --data named.csv",
        )


def _quoted(path: Path, encoding: str, delimiter: str) -> set[str]:
    """Which spellings of none stand in quotes somewhere, as a program writes that puts every cell in quotes."""
    words = "|".join(re.escape(word) for word in NONE)
    ends = rf"[\r\n{re.escape(delimiter)}]"
    cell = re.compile(rf'(?:(?<={ends})|^)"({words})"(?={ends}|$)')
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    found: set[str] = set()
    rest = ""
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            text = rest + decoder.decode(piece)
            if '"' in text:
                found |= set(cell.findall(text))
            rest = text[-(_LONGEST + 4) :]
    return found
