"""Look at each column of a snapshot and write /out/profile.json: kind, nulls, bounds, what breaks it. Runs in the jail.

Trusts nothing: the snapshot is a stranger's data. Gives how the cells are spelled, counts, a few values, and three
records as a sample. A kind is that of nearly all cells; of the others Pydantic itself says whether it takes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Annotated, Any

import polars as pl
from pydantic import AllowInfNan, TypeAdapter

from lockgate.contract.jail.columns import in_int64
from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import encode
from lockgate.core.shown import shown
from lockgate.project.scaffold.jail.cells import Column, Snapshot
from lockgate.project.scaffold.jail.figures import ambiguous, unread
from lockgate.project.scaffold.jail.samples import sampled
from lockgate.project.scaffold.jail.spelled import DAY, MOMENT, REAL, WHOLE, Spelling, share_of, spelling_of
from lockgate.project.scaffold.spellings import FLAGS, names_code

FEW = 50
SHOWN = 60
TOLERATED = 0.01
"""A column is of a kind when at most so much of it is not."""
NEARLY = 0.2
SENTINELS = (-1, -9, -99, -999, -9999, 999, 9999, 99999, 999999)
STAND_IN = 0.002
_STABLE, RARE = 12, 10
_UNREAD = (
    r"^([0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2}|[0-9]{1,2}[ .-]*[A-Za-z]{3,9}[ .,-]*[0-9]{2,4}|"
    r"[A-Za-z]{3,9}[ .-]+[0-9]{1,2},? +[0-9]{4})( .*)?$"
)
_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "bool": TypeAdapter(bool),
    "int": TypeAdapter(int),
    "float": TypeAdapter(Annotated[float, AllowInfNan(False)]),
    "date": TypeAdapter(date),
    "datetime": TypeAdapter(datetime),
}


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Takes no arguments; `{"delimiter", "quoted"}` say how the file is written.

    `{"label"}`: the column that is to be predicted.
    """
    del arguments
    task = read_task()
    asked = str(task["delimiter"]), task["quoted"], str(task["label"])
    guarded(lambda: _profile(*asked), out_dir(), unexpected="LG957")


def _profile(delimiter: str, quoted: Sequence[str], label: str) -> None:
    found = profile(Snapshot(data_dir() / "snapshot.parquet"), delimiter=delimiter, quoted=quoted, label=label)
    (out_dir() / "profile.json").write_bytes(encode(found))


def profile(snapshot: Snapshot, *, delimiter: str = ",", quoted: Sequence[str] = (), label: str = "") -> dict[str, Any]:
    """What profile.json holds. A row without a label teaches nothing: not what is in the other columns either."""
    spelling = Spelling(null=())
    if snapshot.kind == "csv":
        spelling = spelling_of(snapshot.columns(), delimiter=delimiter, quoted=quoted)
    labelled = _labelled(snapshot, spelling, label)
    described = [
        _described(column, spelling, None if column.name == label else labelled) for column in snapshot.columns()
    ]
    return {
        "rows": snapshot.rows,
        "kind": snapshot.kind,
        "bad": snapshot.bad,
        "spelling": spelling.as_json(),
        "columns": described,
        "sample": sampled(snapshot, described, spelling),
    }


def _labelled(snapshot: Snapshot, spelling: Spelling, label: str) -> pl.Series | None:
    """Of each row whether it has a label; None where all have one, or none has."""
    if label not in snapshot.names:
        return None
    column = snapshot.column(label)
    known = (spelling.plain(column.cells) if column.texts else column.cells).is_not_null()
    return known if known.any() and not known.all() else None


def _described(column: Column, spelling: Spelling, rows_of: pl.Series | None) -> dict[str, Any]:
    """`rows_of`: of each row whether it counts; None for all."""
    cells = spelling.plain(column.cells) if column.texts else column.cells
    cells = cells if rows_of is None else cells.filter(rows_of)
    rows, nulls = len(cells), cells.null_count()
    found: dict[str, Any] = {"name": column.name, "kind": "other", "nulls": nulls, "rows": rows, "distinct": 0}
    if column.odd:
        return found | {"nulls": 0, "distinct": rows}
    # In order: the same file gives the same examples.
    counted = cells.drop_nulls().alias("cell").value_counts(name="n").sort("cell")
    found["distinct"] = counted.height
    if not column.texts:
        return found | _typed(counted)
    return found | _spelled(column, counted, spelling) | _stable(cells, counted)


def _typed(counted: pl.DataFrame) -> dict[str, Any]:
    """Facts of a typed column of Parquet."""
    cells, kind = counted["cell"], counted["cell"].dtype
    if kind.is_integer():
        return {"kind": "int", **_range(counted), **_values(counted)}
    if kind.is_float():
        lost = counted.filter(~cells.is_finite())
        return {
            "kind": "float",
            **_range(counted.filter(cells.is_finite())),
            **_values(counted.filter(cells.is_finite())),
            **_breaks(int(lost["n"].sum()), _odd_number(lost["cell"])),
        }
    if kind == pl.Boolean:
        return {"kind": "bool"}
    return {"kind": "date" if kind == pl.Date else "datetime", **_between(cells)}


def _odd_number(cells: pl.Series) -> str:
    """An example of what is no finite number."""
    return "NaN" if cells.is_nan().any() else "infinity"


def _spelled(column: Column, counted: pl.DataFrame, spelling: Spelling) -> dict[str, Any]:
    """Facts of a column of texts."""
    if counted.is_empty():
        return {"kind": "string"}
    present = int(counted["n"].sum())
    allowed = max(TOLERATED * present, min(3, 0.05 * present))
    text = {
        "kind": "string",
        **_values(counted),
        **_wording(counted["cell"]),
        **_dates_unread(column, counted, spelling),
    }
    for kind, read, fits in _readings(counted, spelling):
        if int(counted["n"].filter(fits).sum()) < present - NEARLY * present:
            continue
        coded = kind == "int" and _coded(counted, column.name)
        accepted, number, example = _asked(kind, counted.with_columns(read.alias("as")), fits)
        if coded or number > allowed:
            why = {"codes": coded} if coded else {"almost": {"kind": kind, "rows": number, "example": example}}
            return text | why | _misfits(column)
        found = {"kind": kind, **_breaks(number, example)}
        if kind == "bool":
            return found
        if kind in ("int", "float"):
            twice = ambiguous(counted["cell"], spelling)
            found |= {"twice": twice} if twice else {}
            reach = _range(accepted)
            if "stand_in" in reach and spelling.null:
                reach["stand_in"]["cells"] = _spelled_as(reach["stand_in"]["value"], counted["cell"], read)
            return found | reach | (_values(counted.filter(fits)) if kind == "int" else {})
        return found | _between(accepted["cell"])
    figures = "" if names_code(column.name) else unread(counted["cell"], spelling)
    return text | _misfits(column) | ({"figures": figures} if figures else {})


def _spelled_as(value: float, cells: pl.Series, read: pl.Series) -> list[str]:
    """How the file spells a number, in a few ways."""
    found = cells.filter(read.cast(pl.Float64, strict=False) == value)
    return [str(cell)[:SHOWN] for cell in found[:3].to_list()]


def _readings(counted: pl.DataFrame, spelling: Spelling) -> Iterator[tuple[str, pl.Series, pl.Series]]:
    """Kind by kind, tried in this order: the cells as that kind reads them, and which of them are spelled so."""
    yield "bool", counted["cell"], counted["cell"].str.to_lowercase().is_in(list(FLAGS))
    numbers = spelling.as_number(counted["cell"])
    real = numbers.str.contains(REAL)
    yield "float" if (real & ~numbers.str.contains(WHOLE)).any() else "int", numbers, real
    moments = spelling.as_date(counted["cell"])
    days = moments.str.contains(DAY)
    times = days | moments.str.contains(MOMENT)
    yield "datetime" if (times & ~days).any() else "date", moments, times


def _dates_unread(column: Column, counted: pl.DataFrame, spelling: Spelling) -> dict[str, Any]:
    """Why a column of dates is none."""
    example = shown(str(counted["cell"][0])[:SHOWN])
    if column.name in spelling.ambiguous:
        return {"undated": f"dates, and no row tells day from month (for example {example}): say it by [data] dates"}
    share = share_of(counted["cell"].str.contains(_UNREAD))
    if share >= 1 - NEARLY:
        return {
            "undated": f"dates with two digits for the year, or names of months, are not read (for example {example})"
        }
    return {}


def _asked(kind: str, counted: pl.DataFrame, fits: pl.Series) -> tuple[pl.DataFrame, int, str]:
    """What Pydantic takes as this kind, the number of rows whose cell it refuses, and the commonest such cell."""
    adapter, refused, worst = _ADAPTERS[kind], 0, ("", 0)
    more: list[tuple[Any, int]] = []
    sure = fits if kind in ("bool", "int", "float") else fits & False
    for cell, count, read in counted.filter(~sure).iter_rows():
        try:
            value = adapter.validate_python(read)
        except Exception:  # noqa: BLE001 - a stranger's cell: whatever is raised, it is refused
            value = None
        if value is None or (kind == "int" and not in_int64(value)):
            refused += count
            worst = max(worst, (str(cell)[:SHOWN], count), key=lambda pair: pair[1])
        else:
            more.append((value, count))
    if kind == "bool":
        return counted, refused, worst[0]
    if kind in ("int", "float"):
        taken = counted.filter(sure).select(pl.col("as").cast(pl.Float64).alias("cell"), "n")
        extra = pl.DataFrame([(float(v), c) for v, c in more], {"cell": pl.Float64, "n": pl.UInt32}, orient="row")
        taken = pl.concat([taken, extra.cast({"n": taken["n"].dtype})])
        lost = taken.filter(~pl.col("cell").is_finite())
        example = worst[0] or (_odd_number(lost["cell"]) if len(lost) else "")
        return taken.filter(pl.col("cell").is_finite()), refused + int(lost["n"].sum()), example
    known = [value.isoformat() for value, _ in more]
    return pl.DataFrame({"cell": pl.Series(known, dtype=pl.String)}), refused, worst[0]


def _coded(counted: pl.DataFrame, name: str) -> str:
    """Why digits are a code here and no quantity; "" where they are one."""
    zeros = counted.filter(pl.col("cell").str.contains("^-?0[0-9]"))
    if int(zeros["n"].sum()) > TOLERATED * int(counted["n"].sum()):
        return f"codes, for example {str(zeros['cell'][0])[:SHOWN]}: as numbers they would lose their zeros"
    return "codes by their name, not quantities" if names_code(name) else ""


def _misfits(column: Column) -> dict[str, Any]:
    """In JSON a number is no text: Pydantic refuses it in a field of texts."""
    other = sum(count for kind, count in column.said.items() if kind != "string")
    return _breaks(other, "a number or true/false") if column.said["string"] else ({"kind": "other"} if other else {})


def _breaks(rows: int, example: str) -> dict[str, Any]:
    return {"breaks": {"rows": rows, "example": example}} if rows else {}


def _range(counted: pl.DataFrame) -> dict[str, Any]:
    """Least and most, and a number that seems to stand for none."""
    if counted.is_empty():
        return {}
    cells = counted["cell"].cast(pl.Float64)
    least, most = float(cells.min()), float(cells.max())  # type: ignore[arg-type]
    found: dict[str, Any] = {"least": least, "most": most}
    inner = cells.filter((cells != least) & (cells != most))
    total = int(counted["n"].sum())
    inner_least, inner_most = float(inner.min() or 0), float(inner.max() or 0)  # type: ignore[arg-type]
    for value in SENTINELS if len(inner) > 3 else ():
        count = int(counted["n"].filter(cells == value).sum())
        low = value == least < 0 and (inner_least >= 0 or least < 3 * inner_least)
        high = value == most > 3 * inner_most > 0
        if (low or high) and count >= max(3, STAND_IN * total):
            found["stand_in"] = {"value": value, "rows": count}
    return found


def _between(cells: pl.Series) -> dict[str, Any]:
    return {"first": str(cells.min()), "last": str(cells.max())} if len(cells) else {}


def _values(counted: pl.DataFrame) -> dict[str, Any]:
    """All values in order with their counts, where they are few."""
    if counted.height > FEW:
        return {}
    pairs = sorted(zip(counted["cell"].to_list(), counted["n"].to_list(), strict=True), key=lambda p: str(p[0]))
    if any(isinstance(cell, str) and len(cell) > 4 * SHOWN for cell, _ in pairs):
        return {}
    return {"values": [cell for cell, _ in pairs], "counts": [count for _, count in pairs]}


def _wording(cells: pl.Series) -> dict[str, Any]:
    """Words of a mean value."""
    some = cells.gather_every(max(1, len(cells) // 2000))
    gaps = int(some.str.strip_chars().str.count_matches(r"\s+").sum() or 0)
    return {"words": round(gaps / max(len(some), 1) + 1, 1)}


def _stable(cells: pl.Series, counted: pl.DataFrame) -> dict[str, Any]:
    """Whether the same few values are in both halves of the file, each ten times or more."""
    if not 1 < counted.height <= _STABLE or (counted["n"] < RARE).any():
        return {}
    half = len(cells) // 2
    parts = [Counter(part.drop_nulls().unique().to_list()) for part in (cells[:half], cells[half:])]
    return {"stable": parts[0] == parts[1]}
