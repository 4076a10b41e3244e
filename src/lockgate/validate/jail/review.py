"""Rows as a person reviews them, and the file of those that somebody marks. Runs in the `parse` jail.

Takes on standard input `{"masks", "rows", "mask", "number", "limit", "sensitive", "words", "named", "salt", "screened",
"quarantined"}`, in /in `accepted.parquet`, where it is said `screen.parquet` and `quarantine.parquet`, and
`marks/0.parquet`, ...: the marks in force, oldest first, whose `words` are good or bad, and which name the findings of
the bits `named`. Gives `review.json`: for each of `masks` (a set of bits of the column `flags`) how many rows have one
of them, and the most doubtful ones; of the `quarantined` rows the first. For a mark (`salt`) `marks.parquet`: the rows
`rows` ([source, row]), or those with a bit of `mask` of which nobody has said anything; and with them every row that is
equal to one. `number`: only rows of this finding, by its place in the screen's list. Values of `sensitive` fields stay
here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.findings import clean
from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail.outcome import data_dir, guarded, leave, out_dir, read_task
from lockgate.contract.spec import ACCEPTED, BOOKKEEPING, QUARANTINE, ROW, SOURCE
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.validate.jail._marks import BAD, GOOD, Marks, every_key

REVIEW = "review.json"
MARKS = "marks.parquet"
SCREEN = "screen.parquet"
SALT = b"lockgate.salt"

_LONGEST = 80
_PREVIEW = 10
_SCREENED = (SOURCE, ROW, "score", "flags", "good", "found")
_ALL = 0xFFFF

Places = npt.NDArray[np.int64]


def main(_arguments: Sequence[str]) -> None:
    """Entry point of the jail."""
    settle_without_pandas()
    task = read_task()
    guarded(lambda: review(task, data_dir(), out_dir()), out_dir(), unexpected="LG247")
    leave()


def review(task: Mapping[str, Any], data: Path, out: Path) -> None:
    """Do what `task` asks. Raises Refused LG247 when the files do not fit each other."""
    rows = Rows(task, data)
    said: dict[str, Any] = {
        "names": rows.names,
        "groups": [rows.group(mask, task["limit"]) for mask in task["masks"]],
        "quarantine": _quarantine(data / QUARANTINE, task["limit"]) if task["quarantined"] else [],
        "unreadable": list(rows.marks.unreadable()),
        "picked": None,
    }
    if task["salt"] is not None:
        mask = _ALL if task["rows"] is not None else task["mask"]
        asked, unknown = rows.wanted(task["rows"]) if task["rows"] is not None else (rows.unsaid(mask), [])
        places = rows.equal(asked) if len(asked) and not unknown else asked
        if not unknown and len(places):
            rows.write(places, out / MARKS, task["salt"])
        said["picked"] = {
            "rows": len(places),
            "asked": len(asked),
            "said": rows.said(places, mask),
            "flags": int(np.bitwise_or.reduce(rows.flags[places], initial=0)),
            "found": rows.found(places),
            "first": rows.told(places[:_PREVIEW], mask),
            "unknown": unknown[:_PREVIEW],
            "missing": len(unknown),
        }
    (out / REVIEW).write_bytes(encode(said))
    if not (out / MARKS).exists():
        (out / MARKS).write_bytes(b"")


class Rows:
    """The accepted rows, what the screen said of each, and what people did. A place is a row's number in the file."""

    def __init__(self, task: Mapping[str, Any], data: Path) -> None:
        self._file = pq.ParquetFile(data / ACCEPTED)
        held_back = {*BOOKKEEPING, *task["sensitive"]}
        self.names = [name for name in self._file.schema_arrow.names if name not in held_back]
        columns = _SCREENED if task["screened"] else BOOKKEEPING
        seen = pq.read_table(data / (SCREEN if task["screened"] else ACCEPTED), columns=list(columns))
        if seen.num_rows != self._file.metadata.num_rows:
            raise Refused("LG247", f"{SCREEN} is of {seen.num_rows} rows, {ACCEPTED} of another number")
        number = seen.num_rows
        own = pq.read_table(data / ACCEPTED, columns=list(BOOKKEEPING)) if task["screened"] else seen
        if not all(seen.column(name).equals(own.column(name)) for name in BOOKKEEPING):
            raise Refused("LG247", f"{SCREEN} is of other rows than {ACCEPTED}, or in another order")
        self._source, self._row = seen.column(SOURCE).to_numpy(), seen.column(ROW).to_numpy()
        screened = task["screened"]
        self._score = seen.column("score").to_numpy() if screened else np.full(number, np.nan)
        self._good = seen.column("good").to_numpy() if screened else np.zeros(number, np.bool_)
        self.flags: Places = (seen.column("flags").to_numpy() if screened else np.zeros(number)).astype(np.int64)
        self._found: Any = seen.column("found").combine_chunks() if screened else None
        self._number = task["number"]
        self.marks = Marks.read(data / "marks", task["words"], self._file.schema_arrow, task["named"])
        self._said = self.marks.words(every_key(self.marks, self._file))
        self._open = self._said.open(self.flags)

    def group(self, mask: int, limit: int) -> dict[str, Any]:
        """How many rows have a bit of `mask`; `limit` of them, first those of which nobody has said anything.

        The most doubtful first; a row without a score last; those that are equally doubtful in their order.
        """
        places = self._flagged(mask)
        doubt = np.nan_to_num(self._score[places], nan=-1.0)
        said = np.array([word is not None for word in self._words(places, mask)], np.bool_)
        order = np.lexsort((places, -doubt, said))
        return {"found": len(places), "rows": self.told(places[order[:limit]], mask)}

    def wanted(self, rows: Sequence[Sequence[int]]) -> tuple[Places, list[list[int]]]:
        """The places of `rows` ([source, row]) and those that are not among the accepted ones."""
        known = pl.DataFrame({"source": self._source, "row": self._row}).with_row_index("place")
        asked = pl.DataFrame(rows, schema={"source": pl.Int64, "row": pl.Int64}, orient="row")
        found = asked.join(known.cast(pl.Int64), on=["source", "row"], how="left", maintain_order="left")
        unknown = found.filter(pl.col("place").is_null()).select("source", "row").rows()
        return np.sort(found.get_column("place").drop_nulls().to_numpy()), [list(one) for one in unknown]

    def unsaid(self, mask: int) -> Places:
        """The places of rows with a bit of `mask` of which nobody has said anything."""
        places = self._flagged(mask)
        return places[[word is None for word in self._words(places, mask)]]

    def equal(self, places: Places) -> Places:
        """The places of all rows that are equal to one of these."""
        return np.flatnonzero(every_key(Marks.of(self._taken(places)), self._file) >= 0)

    def said(self, places: Places, mask: int) -> dict[str, int]:
        """How many of the rows have which last word."""
        words = self._words(places, mask)
        return {word: words.count(word) for word in (GOOD, BAD)}

    def found(self, places: Places) -> list[list[int]]:
        """The findings that these rows are of, by their place in the list, and how many rows are of each."""
        if self._found is None:
            return []
        named: Places = self._found.take(pa.array(places)).flatten().to_numpy()
        numbers, rows = np.unique(named, return_counts=True)
        return [list(one) for one in zip(numbers.tolist(), rows.tolist(), strict=True)]

    def told(self, places: Places, mask: int) -> list[dict[str, Any]]:
        """Each of the rows, with its values, and what was said of it that answers the findings of `mask`."""
        table = self._taken(places)
        words = self._words(places, mask)
        return [
            {
                "source": int(self._source[place]),
                "row": int(self._row[place]),
                "score": None if np.isnan(self._score[place]) else round(float(self._score[place]), 6),
                "flags": int(self.flags[place]),
                "good": bool(self._good[place]),
                "mark": word,
                "values": values,
            }
            for place, word, values in zip(places, words, self._values(table), strict=True)
        ]

    def write(self, places: Places, target: Path, salt: str) -> None:
        """The rows as a mark keeps them: their fields alone, and a salt, so that the digest tells nobody a row."""
        table = self._taken(places).drop_columns(list(BOOKKEEPING))
        pq.write_table(table.replace_schema_metadata({SALT: salt.encode()}), target, compression="zstd")

    def _flagged(self, mask: int) -> Places:
        if self._number is None or self._found is None:
            return np.flatnonzero(self.flags & mask)
        of: Places = np.repeat(np.arange(len(self._found)), np.diff(self._found.offsets.to_numpy()))
        named: Places = self._found.values.to_numpy()
        found: Places = of[named == self._number]
        return found

    def _words(self, places: Places, mask: int) -> list[str | None]:
        answered = self._said.good[places] & ((self._open[places] & mask) == 0)
        return [
            BAD if bad else GOOD if good else None
            for bad, good in zip(self._said.bad[places].tolist(), answered.tolist(), strict=True)
        ]

    def _values(self, table: pa.Table) -> list[list[Any]]:
        columns = [_plain(table.column(name)) for name in self.names]
        return [list(values) for values in zip(*columns, strict=True)] if columns else [[]] * table.num_rows

    def _taken(self, places: Places) -> pa.Table:
        """These rows, in this order; of the file only the groups are read that hold one."""
        order = np.argsort(places, kind="stable")
        sorted_places, parts, begin = places[order], [self._file.schema_arrow.empty_table()], 0
        for group in range(self._file.num_row_groups):
            end = begin + self._file.metadata.row_group(group).num_rows
            low, high = np.searchsorted(sorted_places, [begin, end])
            if low < high:
                parts.append(self._file.read_row_group(group).take(sorted_places[low:high] - begin))
            begin = end
        return pa.concat_tables(parts).take(np.argsort(order, kind="stable"))


def _plain(column: pa.ChunkedArray[Any]) -> Iterator[Any]:
    """Values as JSON has them: a text is cut and made harmless, a moment and a number that is none are texts."""
    if pa.types.is_timestamp(column.type):
        # As Arrow writes it: Python knows no year beyond 9999.
        column = column.cast(pa.string())
    for value in column.to_pylist():
        if isinstance(value, float) and not np.isfinite(value):
            yield str(value)
        else:
            yield value if value is None or isinstance(value, bool | int | float) else clean(str(value), _LONGEST)


def _quarantine(path: Path, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for batch in pq.ParquetFile(path).iter_batches(batch_size=max(1, limit)):
        found += batch.slice(0, limit - len(found)).to_pylist()
        if len(found) >= limit:
            break
    texts = ("source", "field", "rule", "message")
    return [{**{name: clean(str(one[name] or ""), 200) for name in texts}, "row": int(one["row"])} for one in found]
