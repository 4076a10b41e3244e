"""Two untrusted files compared: the rows of one are the reference, those of the other come as if one by one.

Takes on standard input `{"reference", "replay": {"path", "name"}, "wish", "seeds"}`, paths relative to the jail's
inputs. Gives `monitor.json` (the plan made of the reference) and `replay.json` (`monitor.replay`). Both are a function
of the files' bytes, the wish and the versions of the libraries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from lockgate.contract.jail._bounds import MAX_COLUMNS, bound_memory, too_many
from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail.outcome import data_dir, guarded, leave, out_dir, read_task
from lockgate.errors import Refused, Usage
from lockgate.monitor import making
from lockgate.monitor.jail._columns import Columns, kinds_of, same
from lockgate.monitor.jail._compare import Comparison
from lockgate.monitor.jail._sources import Sample, Source
from lockgate.monitor.jail.reading import kind_of
from lockgate.monitor.jail.reference import strides
from lockgate.monitor.making import Places
from lockgate.monitor.plan import INPUTS, Plan
from lockgate.monitor.replay import REPLAY, Change, Replay, Wish
from lockgate.monitor.values import Array

MOST_ROWS, MOST_CELLS = 200_000, 8_000_000
"""Of the reference that are held: rows, and rows times columns."""

MOST_CHANGES = 1000

_FIRST_ROWS, _STRETCH = 32_000, 4_000
_EXCLUDED = "it was excluded"
_SHOWN, _LONGEST_NAME = 20, 200


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Takes no arguments."""
    del arguments
    settle_without_pandas()
    bound_memory()
    guarded(_work, out_dir(), unexpected="LG978")
    leave()


def _work() -> None:
    task = read_task()
    files = [Source.of(data_dir() / task[which]["path"], task[which]["name"]) for which in ("reference", "replay")]
    wish = msgspec.convert(task["wish"], Wish)
    plan, replay = compare(files[0], files[1], wish, task["seeds"])
    (out_dir() / INPUTS).write_bytes(plan.encode())
    (out_dir() / REPLAY).write_bytes(replay.encode())


def compare(before: Source, after: Source, wish: Wish, seeds: Sequence[int]) -> tuple[Plan, Replay]:
    """Both answers. Raises what `Source` raises about a file; Usage LG975 about the wish, Refused LG976."""
    reference = _reference(before, wish, seeds[0])
    read = Columns(reference.kinds, after.typed)
    comparison = Comparison(reference.plan, reference.columns, wish, seeds[1])
    present: dict[str, str] = {}
    for batch in after.batches():
        for field in batch.schema:
            present.setdefault(field.name, kind_of(field.type) or "other")
        if len(present) > MAX_COLUMNS:
            raise too_many(after.name, len(present))
        comparison.add(read.of(pa.table(batch)), batch.num_rows)
    if not present:
        raise Refused("LG104", f"{after.name}: no records", seen={"file": after.name}, next="give more data")
    comparison.end()
    changes = [*_changes(reference.kinds, present, wish, typed=after.typed), *_wrong(read, comparison.rows)]
    return reference.plan, Replay(
        1,
        reference.rows,
        comparison.threshold,
        comparison.read(),
        tuple(comparison.alarms),
        tuple(changes[:MOST_CHANGES]),
        tuple(comparison.standings()),
    )


@dataclass(frozen=True)
class _Reference:
    plan: Plan
    kinds: Mapping[str, str]
    columns: Mapping[str, Array]
    rows: int


def _reference(file: Source, wish: Wish, seed: int) -> _Reference:
    """The plan: a stream is of all rows, or of one of so many where neighbours depend on each other."""
    first = _first(file)
    found = _made(first, file, wish, seed)
    apart: dict[str, int] = {}
    if not wish.stride:
        ends = range(0, first.num_rows, _STRETCH)
        apart = strides(found.plan, [_slice(found.columns, at) for at in ends], timed=False)
    wanted = {max(wish.stride, 1), *apart.values()}
    table, rows, steps = _sampled(file, wanted, seed)
    made = _made(table, file, wish, seed, apart, steps)
    if not made.plan.streams:
        raise Refused(
            "LG976",
            f"nothing of {file.name} can be a reference: it has {rows} rows",
            seen={"rows": rows, "needed": making.LEAST_ROWS, "unwatched": dict(made.plan.unwatched)},
            next="give --reference a file with more rows",
        )
    return _Reference(made.plan, made.kinds, made.columns, rows)


def _made(
    table: pa.Table,
    file: Source,
    wish: Wish,
    seed: int,
    apart: Mapping[str, int] | None = None,
    steps: Mapping[int, Places] | None = None,
) -> _Reference:
    kinds = kinds_of(table, typed=file.typed, time=wish.time)
    _check(kinds, wish, file.name)
    columns = Columns(kinds, file.typed).of(table)
    unwatched = dict.fromkeys(wish.exclude, _EXCLUDED)
    stride = 1 if steps is None else max(wish.stride, 1)
    wanted = making.Wanted(wish.strata, wish.time, wish.site, unwatched, stride, apart or {})
    plan = making.make(columns, kinds, seed=seed, wanted=wanted, steps=steps)
    needed = {name for stream in plan.streams for name in stream.of}
    return _Reference(plan, kinds, {name: one for name, one in columns.items() if name in needed}, table.num_rows)


def _check(kinds: Mapping[str, str], wish: Wish, name: str) -> None:
    wrong = [f"--exclude {each}" for each in wish.exclude if each not in kinds]
    if {"hour", "weekday"} & {*wish.strata} and kinds.get(wish.time) != "timestamp":
        wrong.append(f"--time {wish.time}")
    if "site" in wish.strata and kinds.get(wish.site) not in ("string", "int", "bool"):
        wrong.append(f"--site {wish.site}")
    if wrong:
        raise Usage(
            "LG975",
            f"{name} has no such column, or not of such a kind: {wrong[0]}",
            seen={"wrong": wrong, "columns": [f"{each}: {kind}" for each, kind in kinds.items()][:_SHOWN]},
            next="lockgate monitor --help",
        )


def _first(file: Source) -> pa.Table:
    """The first rows, in one piece."""
    kept: list[pa.Table] = []
    held = 0
    for batch in file.batches():
        kept.append(pa.table(batch))
        held += batch.num_rows
        if held >= _FIRST_ROWS:
            break
    return pa.concat_tables(kept, promote_options="default").slice(0, _FIRST_ROWS) if kept else pa.table({})


def _sampled(file: Source, wanted: Collection[int], seed: int) -> tuple[pa.Table, int, dict[int, Places]]:
    """Rows for streams of these strides, how many there are, and of each stride the places of its own among them."""
    sample: Sample | None = None
    for batch in file.batches():
        if sample is None:
            most = min(MOST_ROWS, max(MOST_CELLS // batch.num_columns, making.LEAST_ROWS))
            sample = Sample(most, wanted, np.random.default_rng(seed))
        sample.add(batch)
    return (pa.table({}), 0, {}) if sample is None else (sample.table(), sample.rows, sample.steps())


def _slice(columns: Mapping[str, Array], at: int) -> dict[str, Array]:
    return {name: column[at : at + _STRETCH] for name, column in columns.items()}


def _changes(kinds: Mapping[str, str], present: Mapping[str, str], wish: Wish, *, typed: bool) -> Iterator[Change]:
    for name, kind in kinds.items():
        if name in wish.exclude:
            continue
        if name not in present:
            yield Change(_cut(name), "missing", "the replayed file has no such column")
        elif typed and not same(kind, present[name]):
            yield Change(_cut(name), "type", f"was {kind}, is {present[name]}: it is not compared")
    for name in present:
        if name not in kinds and name not in wish.exclude:
            yield Change(_cut(name), "added", "the reference has no such column: it is not compared")


def _wrong(read: Columns, rows: int) -> Iterator[Change]:
    for name, count in read.wrong.items():
        share = f"{count / max(rows, 1) * 100:.3g} %"
        what = _WORDS[read.kinds[name]]
        yield Change(_cut(name), "text", f"{count:,} cells ({share}) are no {what}: they count as missing")


_WORDS: Mapping[str, str] = {"int": "number", "float": "number", "bool": "true or false", "timestamp": "moment"}


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "..."
