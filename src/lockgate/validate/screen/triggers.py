"""Rare values of one or two columns whose label is far from what all else says: planted triggers.

What is looked for: rows with a rare value, or a rare pair of values, that nearly all have one label, although neither
the two columns alone nor the rows most like them in the other columns have it. On pictures a pair of pixels says much
about the digit, and so do the other pixels: that is no finding. Rows to which somebody gave a trigger and a label are
in everything else like rows with other labels, and they are more than the two values have together by chance.

Not to be seen in this way: a trigger on rows that had its label anyhow (clean-label) unless its value looks made, one
of more than two columns of which each pair is common, and one on fewer rows than a bin needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lockgate.validate.screen import bar, choosing, describing
from lockgate.validate.screen.binning import LEAST, Coding, codings
from lockgate.validate.screen.cells import Cells, rare
from lockgate.validate.screen.expecting import Surroundings
from lockgate.validate.screen.scanning import Hit, hits, likely
from lockgate.validate.screen.spec import Found, Outcome
from lockgate.validate.screen.table import Floats, Ints, Table

FEWEST = 100
MOST_ROWS = 20_000
"""Rows that are scanned, drawn by the seed; what is found in them is looked up in all."""

MOST_FOUND = 10
MOST_LABELS = 50
VALUE_RANGES = 8
COVERED = 0.5
"""A cell more than half of whose rows another finding has told is the same finding."""


@dataclass(frozen=True)
class _Scan:
    table: Table
    codings: Sequence[Coding]
    cells: Cells
    said: Floats
    labels: Ints
    near: Surroundings
    left_out: int


def screen(table: Table) -> Outcome:
    """Look at each column and at all pairs of columns, or at as many as the work allows."""
    distinct = choosing.distinct(table)
    if len(distinct) < FEWEST:
        return Outcome(absent=f"{len(distinct)} different rows are too few")
    if len(np.unique(table.label)) < 2:
        return Outcome(absent="all rows have the same label")
    if not table.columns:
        return Outcome(absent="there are no columns with single values")
    held = distinct
    if len(distinct) > MOST_ROWS:
        held = np.sort(table.draw("trigger rows").choice(distinct, MOST_ROWS, replace=False))
    scan = _prepared(_only(table, held))
    if not len(scan.labels):
        return Outcome(absent=f"no label has {LEAST} rows")
    passed, bars, untold = _passed(scan)
    return Outcome(tuple(_told(table, scan, passed, bars)), note=_note(scan, untold, len(passed)))


def _note(scan: _Scan, untold: int, told: int) -> str:
    """What nobody looked at, or is not told."""
    parts = []
    if scan.left_out:
        number = len({coding.column for coding in scan.codings})
        pairs = f"{scan.left_out:,} of {number * (number - 1) // 2:,} pairs of columns"
        parts.append(f"{pairs} were not looked at, or not wholly")
    if untold:
        parts.append(f"{untold:,} more findings than the {told} that are told")
    return "; ".join(parts)


def _only(table: Table, rows: Ints) -> Table:
    columns = tuple(replace(one, values=one.values[rows]) for one in table.columns)
    embeddings = None if table.embeddings is None else table.embeddings[rows]
    return replace(table, columns=columns, label=table.label[rows], origin=table.origin[rows], embeddings=embeddings)


def _prepared(table: Table) -> _Scan:
    binned = [coding for place, column in enumerate(table.columns) for coding in codings(column, place)]
    labels, said = _said(table)
    near = Surroundings.of(table)
    pairs, left_out = choosing.pairs(binned, said, bar.RUNS, table.draw("trigger pairs"))
    return _Scan(table, binned, rare(binned, pairs, table.rows), said, labels, near, left_out)


def _said(table: Table) -> tuple[Ints, Floats]:
    """Shape (n, labels): which labels a row has. Values lie in two sets of ranges that overlap by half."""
    if table.task == "regression":
        return _ranges(table.label.astype(np.float64))
    number = np.bincount(table.label, minlength=len(table.classes))
    labels = np.argsort(-number, kind="stable")[:MOST_LABELS]
    labels = labels[number[labels] >= LEAST]
    said: Floats = (table.label[:, None] == labels[None, :]).astype(np.float32)
    return labels, said


def _ranges(value: Floats) -> tuple[Ints, Floats]:
    parts = []
    for start in (0.0, 0.5):
        ranks = (np.arange(VALUE_RANGES) + start) / VALUE_RANGES
        edges = np.unique(np.quantile(value, ranks[ranks > 0], method="lower"))
        code = np.searchsorted(edges, value, side="right")
        parts.append(code[:, None] == np.arange(len(edges) + 1)[None, :])
    said: Floats = np.hstack(parts).astype(np.float32)
    return np.arange(said.shape[1]), said


def _passed(scan: _Scan) -> tuple[list[Hit], bar.Bars, int]:
    like = scan.near.everywhere()
    rest = scan.said[like].mean(axis=1)
    scan = replace(scan, near=scan.near.learned(like, scan.said))
    asked = likely(scan.cells, scan.codings, scan.said[:, None, :], rest)[0]
    found = hits(scan.cells, scan.codings, asked, scan.said, scan.near, bar.SUSPICIOUS)
    pools = bar.pools(scan.cells, scan.codings, found, scan.near)
    runs = bar.exchanged(scan.said, like, pools, scan.table.draw("trigger runs"))
    bars = bar.bars(scan.cells, scan.codings, runs, rest, scan.near)
    passed = [
        hit
        for hit in found
        if hit.score > bars.height[bar.kind(scan.cells, scan.codings, hit.cell)]
        and not choosing.is_episode(scan.table, scan.cells.of(hit.cell))
    ]
    kept = _apart(scan, passed)
    return kept[:MOST_FOUND], bars, len(kept[MOST_FOUND:])


def _apart(scan: _Scan, passed: Sequence[Hit]) -> list[Hit]:
    """The most surprising first, without those whose rows were told before."""
    covered = np.zeros(scan.table.rows, np.bool_)
    kept: list[Hit] = []
    for hit in passed:
        rows = scan.cells.of(hit.cell)
        rows = rows[scan.said[rows, hit.label] > 0]
        if covered[rows].mean() > COVERED:
            continue
        covered[rows] = True
        kept.append(hit)
    return kept


def _told(table: Table, scan: _Scan, passed: Sequence[Hit], bars: bar.Bars) -> list[Found]:
    found = []
    for hit in passed:
        which = describing.bins_of(scan.cells, hit.cell)
        label = describing.Label.of(table, scan.table.label, scan.labels, scan.said, hit.label)
        inside = np.logical_and.reduce(
            [
                scan.codings[coding].holds(one, table.columns[scan.codings[coding].column].values)
                for coding, one in which
            ]
        )
        told = describing.found(table, scan.codings, which, inside, label, hit)
        if told is not None:
            found.append(replace(told, seen={**told.seen, **_seen(scan, hit, bars)}))
    return found


def _seen(scan: _Scan, hit: Hit, bars: bar.Bars) -> dict[str, float | int]:
    height = bars.height[bar.kind(scan.cells, scan.codings, hit.cell)]
    return {
        "score": round(hit.score, 1),
        "bar": round(height, 1),
        "runs": bar.RUNS,
        "false_at_most": round(bar.KINDS * bar.FALSE, 3),
        "scanned": scan.table.rows,
        "pairs_left_out": scan.left_out,
    }
