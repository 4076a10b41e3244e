"""Rows to judge: deterministic, typed Parquet, one row in a thousand bad in some way, others that only look bad.

    python -m bench.rows 5000000 OUT.parquet

The same number of rows gives the same values whatever the machine: each block has a random stream of its own, named by
its number. One block is in memory at a time.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

BLOCK = 65_536
SEED = 20_261_125
BAD_EACH = 1_000
ODD_EACH = 5_000

COLUMNS: list[pa.Field[Any]] = [
    pa.field("id", pa.int64()),
    pa.field("age", pa.int64()),
    pa.field("score", pa.float64()),
    pa.field("rating", pa.float64()),
    pa.field("reading", pa.float64()),
    pa.field("country", pa.string()),
    pa.field("status", pa.string()),
    pa.field("code", pa.string()),
    pa.field("name", pa.string()),
    pa.field("born", pa.date32()),
    pa.field("seen", pa.timestamp("us", "UTC")),
    pa.field("active", pa.bool_()),
]
SCHEMA = pa.schema(COLUMNS)
COUNTRIES = ["AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FR", "IT", "NL", "PL", "SE"]
STATUSES = ["new", "active", "paused", "closed"]

Cells = Mapping[str, object]

# What Pydantic refuses. Each kind recurs, in this order.
BAD: tuple[Cells, ...] = (
    {"id": None},
    {"id": 0},
    {"id": -(2**63)},
    {"age": None},
    {"age": -1},
    {"age": 121},
    {"score": None},
    {"score": math.nan},
    {"score": 1.0},
    {"score": math.inf},
    {"score": -math.inf},
    {"score": -5e-324},
    {"rating": math.nan},
    {"rating": math.nextafter(5.0, 6.0)},
    {"rating": -1.0},
    {"rating": math.inf},
    {"country": None},
    {"country": ""},
    {"country": "XX"},
    {"country": "de"},
    {"status": None},
    {"status": "unknown"},
    {"status": "new "},
    {"status": "Active"},
    {"code": None},
    {"code": "ABC-1234\n"},
    {"code": "\nABC-1234"},
    {"code": "abc-1234"},
    {"code": "ABC-12345"},
    {"code": "ABC-\uff11\uff12\uff13\uff14"},
    {"code": "ABC-\u0661\u0662\u0663\u0664"},
    {"name": None},
    {"name": ""},
    {"name": "twenty-one characters"},
    {"name": "e\u0301" * 10 + "e"},
    {"name": "ten letters" + "\u200b" * 10},
    {"born": None},
    {"born": date(1899, 12, 31)},
    {"born": date(2025, 1, 1)},
    {"seen": None},
    {"seen": datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)},
    {"active": None},
    {"age": 121, "score": math.nan},
    {"country": "xx", "name": "", "active": None},
)

# What Pydantic takes, though some engine or some person would not.
ODD: tuple[Cells, ...] = (
    {"id": 2**63 - 1},
    {"age": 0},
    {"age": 120},
    {"score": -0.0},
    {"score": math.nextafter(1.0, 0.0)},
    {"rating": None},
    {"rating": -0.0},
    {"rating": 5.0},
    {"reading": None},
    {"reading": math.nan},
    {"reading": math.inf},
    {"reading": -math.inf},
    {"reading": -0.0},
    {"reading": 1.7976931348623157e308},
    {"code": "AAA-0000"},
    {"name": "\U0001f642" * 20},
    {"name": "e\u0301" * 10},
    {"name": "\u200b"},
    {"name": " "},
    {"name": "a line\n"},
    {"name": "NULL"},
    {"born": date(1900, 1, 1)},
    {"born": date(2024, 12, 31)},
    {"born": date(2000, 2, 29)},
    {"seen": datetime(2000, 1, 1, tzinfo=UTC)},
    {"seen": datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)},
)

_FIRST_DAY = (date(1900, 1, 1) - date(1970, 1, 1)).days
_DAYS = (date(2024, 12, 31) - date(1900, 1, 1)).days + 1
_FIRST_MICROSECOND = 946_684_800_000_000
_MICROSECONDS = 26 * 365 * 86_400_000_000
_SYLLABLES = ["an", "ber", "da", "el", "fü", "go", "hø", "il", "ja", "kę", "lo", "mi", "né", "or", "po", "ru", "ße"]


def blocks(rows: int) -> Iterator[pa.Table]:
    """The rows, in blocks of at most BLOCK."""
    pools = _pools()
    bad = odd = 0
    for number, first in enumerate(range(0, rows, BLOCK)):
        size = min(BLOCK, rows - first)
        random = np.random.default_rng([SEED, number])
        columns = _clean(random, first, size, pools)
        more_bad, more_odd = max(1, size // BAD_EACH), max(1, size // ODD_EACH)
        kinds = [BAD[(bad + turn) % len(BAD)] for turn in range(more_bad)]
        kinds += [ODD[(odd + turn) % len(ODD)] for turn in range(more_odd)]
        bad, odd = bad + more_bad, odd + more_odd
        places = random.choice(size, min(len(kinds), size), replace=False)
        yield pa.table(_planted(columns, dict(zip(places.tolist(), kinds, strict=False))), schema=SCHEMA)


def write(path: Path, rows: int) -> None:
    """Write the rows as one Parquet file, a row group per block."""
    unfinished = path.with_suffix(".part")
    with pq.ParquetWriter(unfinished, SCHEMA, compression="zstd") as writer:
        for block in blocks(rows):
            writer.write_table(block, row_group_size=BLOCK)
    unfinished.rename(path)


def _pools() -> dict[str, pa.Array[Any]]:
    random = np.random.default_rng(SEED)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    names = {"".join(random.choice(_SYLLABLES, random.integers(1, 7))).capitalize() for _ in range(20_000)}
    return {
        "letters": pa.array(["".join(random.choice(letters, 3)) for _ in range(500)]),
        "digits": pa.array([f"{number:04}" for number in range(10_000)]),
        "names": pa.array(sorted(names)),
        "countries": pa.array(COUNTRIES),
        "statuses": pa.array(STATUSES),
    }


def _clean(
    random: np.random.Generator, first: int, size: int, pools: Mapping[str, pa.Array[Any]]
) -> dict[str, pa.Array[Any]]:
    def some(name: str) -> Any:
        return pools[name].take(random.integers(0, len(pools[name]), size))

    rating = np.floor(random.random(size) * 5001) / 1000
    reading = random.normal(0, 100, size)
    return {
        "id": pa.array(np.arange(first + 1, first + size + 1)),
        "age": pa.array(random.integers(0, 121, size)),
        "score": pa.array(np.floor(random.random(size) * 1e6) / 1e6),
        "rating": pa.array(rating, mask=random.random(size) < 0.1),
        "reading": pa.array(reading, mask=random.random(size) < 0.05),
        "country": some("countries"),
        "status": some("statuses"),
        "code": pc.binary_join_element_wise(some("letters"), some("digits"), "-"),
        "name": some("names"),
        "born": pa.array((_FIRST_DAY + random.integers(0, _DAYS, size)).astype(np.int32)).cast(pa.date32()),
        "seen": pa.array(_FIRST_MICROSECOND + random.integers(0, _MICROSECONDS, size)).cast(pa.timestamp("us", "UTC")),
        "active": pa.array(random.random(size) < 0.5),
    }


def _planted(columns: Mapping[str, pa.Array[Any]], plan: Mapping[int, Cells]) -> list[pa.Array[Any]]:
    """The columns with the planned cells in place of their own."""
    done: list[pa.Array[Any]] = []
    for field in COLUMNS:
        column = columns[field.name]
        places = sorted(place for place, cells in plan.items() if field.name in cells)
        if places:
            mask = np.zeros(len(column), dtype=bool)
            mask[places] = True
            cells: Sequence[object] = [plan[place][field.name] for place in places]
            replacements: Any = pa.array(cells, field.type, from_pandas=False)
            column = pc.replace_with_mask(column, pa.array(mask), replacements)
        done.append(column)
    return done


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))
