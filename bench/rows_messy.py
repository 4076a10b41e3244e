"""The rows as people type them: a CSV file in which a share of the cells of each column is spelt in another way.

    python -m bench.rows_messy 200000 OUT.csv

Most odd spellings are accepted, as in a file that is in use: one in eight may be one that Pydantic refuses, so that
a few rows in a hundred are bad. Where a field has no other accepted spelling, the cell stays as it is.

Some spellings mean the same to Pydantic (" 12 ", "1.0", "yes"), some are refused ("1e3" for a whole number, a date with
slashes). A spelling is derived from the cell's own text, so that there are about as many different ones as values.
None is a whole number beyond 64 bits, which Lockgate refuses on its own account (docs/adr/0007).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
from pydantic import TypeAdapter, ValidationError

from bench.rows import SCHEMA, SEED, blocks
from bench.rows_contract import Reading

SHARE = 0.05
WRONG = 0.12

Spelling = Callable[[str], str]

_FIELDS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(cast("Any", Annotated[(field.annotation, field)])) for name, field in Reading.model_fields.items()
}

_ARABIC = str.maketrans("0123456789", "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669")
_FULLWIDTH = str.maketrans("0123456789", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19")


def _seconds(text: str) -> str:
    """A date as Unix time; midnight, so that Pydantic takes it as a date."""
    return str((date.fromisoformat(text) - date(1970, 1, 1)).days * 86_400)


def _at_noon(text: str) -> str:
    return f"{text}T12:00:00"


def _unpadded(text: str) -> str:
    return "-".join(part.lstrip("0") for part in text.split("-"))


WHOLE: tuple[Spelling, ...] = (
    lambda text: f" {text} ",
    lambda text: f"{text}.0",
    lambda text: f"{text}.",
    lambda text: f"{text}.5",
    lambda text: f"{text[0]}_{text[1:]}" if text[1:] else text,
    lambda text: f"+{text}",
    lambda text: f"00{text}",
    lambda text: f"{text}e0",
    lambda text: f"{text}\n",
    lambda text: f"\u00a0{text}",
    lambda text: text.translate(_ARABIC),
    lambda text: text.translate(_FULLWIDTH),
    lambda text: hex(int(text)),
    lambda _: "1e3",
    lambda _: "",
    lambda _: "NA",
    lambda _: "9223372036854775807",
)
REAL: tuple[Spelling, ...] = (
    lambda text: f" {text} ",
    lambda text: f"{text}e0",
    lambda text: f"{text}0",
    lambda text: f"+{text}",
    lambda text: f"{text}f",
    lambda text: f"0{text}",
    lambda text: text.lstrip("-0"),
    lambda text: text.replace(".", ","),
    lambda text: text.translate(_ARABIC),
    lambda text: text.replace(".", "_."),
    lambda _: "5.",
    lambda _: "1e-3",
    lambda _: "-0.0",
    lambda _: "nan",
    lambda _: "inf",
    lambda _: "-Infinity",
    lambda _: "1e400",
    lambda _: "0x1p-1",
    lambda _: "",
    lambda _: "NA",
)
TRUTH: tuple[Spelling, ...] = (
    lambda text: text.upper(),
    lambda text: text.capitalize(),
    lambda text: text[0],
    lambda text: text[0].upper(),
    lambda text: "yes" if text == "true" else "no",
    lambda text: "YES" if text == "true" else "N",
    lambda text: "on" if text == "true" else "Off",
    lambda text: "1" if text == "true" else "0",
    lambda text: f" {text}",
    lambda _: "1.0",
    lambda _: "ja",
    lambda _: "",
)
DAY: tuple[Spelling, ...] = (
    _seconds,
    _at_noon,
    _unpadded,
    lambda text: f"{text}T00:00:00",
    lambda text: f"{text} 00:00:00Z",
    lambda text: text.replace("-", "/"),
    lambda text: text.replace("-", ""),
    lambda text: ".".join(reversed(text.split("-"))),
    lambda text: f" {text}",
    lambda text: f"{text} ",
    lambda text: text.translate(_ARABIC),
    lambda text: f"{text[:5]}02-30",
    lambda text: f"{text[:5]}13-01",
    lambda text: f"{text[:5]}02-29",
    lambda _: "today",
    lambda _: "",
)
MOMENT: tuple[Spelling, ...] = (
    lambda text: text.replace("T", " "),
    lambda text: text.lower(),
    lambda text: text.removesuffix("Z"),
    lambda text: text.replace("Z", "+02:00"),
    lambda text: text.replace("Z", "-0330"),
    lambda text: text.replace(".", ","),
    lambda text: text[:19] + "Z",
    lambda text: text[:16] + "Z",
    lambda text: text[:10],
    lambda text: text[:17] + "60Z",
    lambda text: text[:11] + "24:00:00Z",
    lambda text: text.replace("Z", "987Z"),
    lambda text: f" {text}",
    lambda text: text.replace("-", "/"),
    lambda text: str(int(datetime.fromisoformat(text).timestamp())),
    lambda text: str(datetime.fromisoformat(text).timestamp()),
    lambda _: "now",
    lambda _: "",
)
CHOICE: tuple[Spelling, ...] = (
    lambda text: text.swapcase(),
    lambda text: text.capitalize(),
    lambda text: f" {text}",
    lambda text: f"{text} ",
    lambda text: f"{text}\n",
    lambda text: f"{text}\u200b",
    lambda text: text[:1],
    lambda _: "other",
    lambda _: "",
)
CODE: tuple[Spelling, ...] = (
    lambda text: text.lower(),
    lambda text: text.translate(_FULLWIDTH),
    lambda text: text.translate(_ARABIC),
    lambda text: text.replace("-", "\u2013"),
    lambda text: text.replace("-", ""),
    lambda text: f"{text}\n",
    lambda text: f" {text}",
    lambda text: f"{text}5",
    lambda text: text[::-1],
    lambda _: "",
)
NAME: tuple[Spelling, ...] = (
    lambda text: f"{text}\n",
    lambda text: f'"{text}"',
    lambda text: f"{text}, jr",
    lambda text: text.upper(),
    lambda text: f" {text} ",
    lambda text: text + "\u0301" * (20 - len(text)),
    lambda text: text + "\u200b" * (21 - len(text)),
    lambda text: "\U0001f642" * len(text),
    lambda text: text * 7,
    lambda _: "NULL",
    lambda _: " ",
    lambda _: "",
)

SPELLINGS: dict[str, tuple[Spelling, ...]] = {
    "id": WHOLE,
    "age": WHOLE,
    "score": REAL,
    "rating": REAL,
    "reading": REAL,
    "country": CHOICE,
    "status": CHOICE,
    "code": CODE,
    "name": NAME,
    "born": DAY,
    "seen": MOMENT,
    "active": TRUTH,
}


def plain(value: object) -> str:
    """The text that a program would write for a value; null is the empty cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, date) else str(value)


def messy(name: str, cells: Sequence[str], random: np.random.Generator, share: float) -> list[str]:
    """The cells of one column, a share of them in another spelling. An empty cell stays empty."""
    spellings = SPELLINGS[name]
    changed = random.random(len(cells)) < share
    wrong = random.random(len(cells)) < WRONG
    choices = random.integers(0, len(spellings), len(cells))
    drawn = zip(cells, changed.tolist(), wrong.tolist(), choices.tolist(), strict=True)
    return [_spelt(name, cell, choice, wrong=may) if change and cell else cell for cell, change, may, choice in drawn]


def _spelt(name: str, cell: str, choice: int, *, wrong: bool) -> str:
    """The cell in the chosen spelling, or, unless it may be `wrong`, in the next one that the field accepts."""
    spellings = SPELLINGS[name]
    if wrong:
        return spellings[choice](cell)
    turned = (spellings[(choice + step) % len(spellings)](cell) for step in range(len(spellings)))
    return next((text for text in turned if text != cell and _accepted(name, text)), cell)


def _accepted(name: str, text: str) -> bool:
    try:
        _FIELDS[name].validate_python(text or None)
    except ValidationError:
        return False
    return True


def write(path: Path, rows: int, share: float = SHARE) -> None:
    """Write the rows as a CSV file with a header."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SCHEMA.names)
        for number, block in enumerate(blocks(rows)):
            random = np.random.default_rng([SEED, number, 1])
            columns = [
                messy(name, [plain(value) for value in block.column(name).to_pylist()], random, share)
                for name in SCHEMA.names
            ]
            writer.writerows(zip(*columns, strict=True))
    unfinished.rename(path)


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))
