"""The screen over accepted rows. Runs in the `parse` jail, in Lockgate's own environment: no user code is near.

Takes on standard input `{"table", "label", "sensitive", "origin", "sources", "rules", "seed", "marks", "named",
"workers"}`; the rows are /in/accepted.parquet, those that a person marked /in/marks/N.parquet for the N-th word of
`marks` ("good" or "bad"), which names the findings of the N-th bits of `named`.
Gives `screen.parquet`, one line for each accepted row, in their order, and `screen.json` (`validate.screen.account`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.findings import clean
from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail.outcome import data_dir, guarded, leave, out_dir, read_task
from lockgate.contract.spec import ACCEPTED, ROW, SOURCE, parse_table
from lockgate.core.screen import bits
from lockgate.validate.jail import _accepted
from lockgate.validate.jail._accepted import Accepted, Wanted
from lockgate.validate.jail._found import Listed, listed, numbers
from lockgate.validate.screen.account import (
    MOST_NAMED,
    MOST_WHAT,
    ROWS,
    ROWS_NOTE,
    SCREEN,
    WIDTH_NOTE,
    Account,
    Finding,
    State,
    plain,
)
from lockgate.validate.screen.every import Screened, screen
from lockgate.validate.screen.spec import DOUBTFUL, RULES, Found, Outcome, RuleName
from lockgate.validate.screen.table import Table

if TYPE_CHECKING:
    from lockgate.validate.jail._marks import Words

Flags = npt.NDArray[np.uint16]
Bools = npt.NDArray[np.bool_]

_DOUBTFUL = bits(DOUBTFUL)


def main(_arguments: Sequence[str]) -> None:
    """Entry point of the jail."""
    settle_without_pandas()
    task = read_task()
    guarded(lambda: look(task, data_dir(), out_dir()), out_dir(), unexpected="LG240")
    leave()


def look(task: Mapping[str, Any], data: Path, out: Path) -> None:
    """Ask the rules of `task` about the rows in `data`. Raises Usage LG239."""
    path = data / ACCEPTED
    wanted = Wanted(
        parse_table(task["table"]),
        task["label"],
        frozenset(task["sensitive"]),
        task["origin"],
        tuple(clean(name, 100) for name in task["sources"]),
        task["seed"],
    )
    accepted = _accepted.read(path, wanted)
    rules = [rule for rule in RULES if rule in task["rules"]]
    if accepted.table is None:
        found = Screened({rule: Outcome(absent=accepted.why) for rule in rules}, np.zeros(0))
    else:
        found = screen(accepted.table, rules, task.get("workers", 1))
    rows = pq.read_metadata(path).num_rows
    flags = _flags(found, accepted, rows)
    said = _said(task, path, data / "marks")
    unsaid = flags.astype(np.int64) if said is None else said.open(flags)
    good = np.zeros(rows, np.bool_) if said is None else said.good & (unsaid == 0)
    told = listed(found.outcomes, accepted.places, unsaid)
    hidden = task["label"] in wanted.sensitive
    account = _account(found, accepted, path, told, Marked(flags, unsaid, good), hidden=hidden)
    (out / SCREEN).write_bytes(account.encode())
    columns = {
        "score": pa.array(scores := _scores(found, accepted, rows), pa.float32(), mask=np.isnan(scores)),
        "flags": pa.array(flags, pa.uint16()),
        "good": pa.array(good, pa.bool_()),
        "found": numbers(told, rows),
    }
    _write(path, columns, out / ROWS)


@dataclass(frozen=True)
class Marked:
    """Of each row: its flags, those that nobody answered, and whether a person answered all of them."""

    flags: Flags
    unsaid: npt.NDArray[np.int64]
    good: Bools


def _said(task: Mapping[str, Any], path: Path, folder: Path) -> Words | None:
    if "good" not in task["marks"]:
        return None
    from lockgate.validate.jail._marks import Marks, every_key

    file = pq.ParquetFile(path)
    marks = Marks.read(folder, task["marks"], file.schema_arrow, task["named"])
    return marks.words(every_key(marks, file))


def _flags(found: Screened, accepted: Accepted, rows: int) -> Flags:
    flags = np.zeros(rows, np.uint16)
    for rule, outcome in found.outcomes.items():
        for one in outcome.found:
            flags[accepted.places[np.array(one.rows, np.int64)]] |= np.uint16(1 << RULES.index(rule))
    return flags


def _scores(found: Screened, accepted: Accepted, rows: int) -> npt.NDArray[np.float32]:
    scores = np.full(rows, np.nan, np.float32)
    if accepted.table is not None:
        scores[accepted.places] = found.score
    return scores


def _account(found: Screened, accepted: Accepted, path: Path, told: Listed, marked: Marked, *, hidden: bool) -> Account:
    table = accepted.table
    source, row = _accepted.bookkeeping(path)
    findings: list[Finding] = []
    for each, places in zip(told.found, told.places, strict=True):
        left = places[(marked.unsaid[places] & bits([each.rule])) > 0]
        shown = [(source[at].as_py(), row[at].as_py()) for at in left[:MOST_NAMED].tolist()]
        if table is not None:
            findings.append(_finding(each, table, len(places) - len(left), shown, hidden=hidden))
    flagged = marked.unsaid > 0
    states: dict[RuleName, State] = {rule: _state(found.outcomes.get(rule)) for rule in RULES}
    return Account(
        rows=len(flagged),
        looked=len(accepted.places),
        task=table.task if table is not None else "",
        rules=states,
        absent={rule: clean(one.absent, MOST_WHAT) for rule, one in found.outcomes.items() if one.absent},
        notes=_notes(found, accepted, hidden=hidden),
        findings=tuple(findings),
        more=told.more,
        settled=told.settled,
        flagged=int(flagged.sum()),
        doubtful=int((flagged & ((marked.flags & _DOUBTFUL) > 0)).sum()),
        good=int(((marked.flags > 0) & marked.good).sum()),
    )


def _notes(found: Screened, accepted: Accepted, *, hidden: bool) -> dict[str, str]:
    """What the rules left out. `hidden`: the label is sensitive, as in `_finding`."""
    said = {rule: one.note for rule, one in found.outcomes.items() if one.note and not one.absent}
    told: dict[str, str] = {
        rule: "not everything was looked at" if hidden else clean(note, MOST_WHAT) for rule, note in said.items()
    }
    of_rows = {ROWS_NOTE: accepted.note, WIDTH_NOTE: accepted.width}
    return {**told, **{name: clean(note, MOST_WHAT) for name, note in of_rows.items() if note}}


def _finding(found: Found, table: Table, good: int, shown: list[tuple[int, int]], *, hidden: bool) -> Finding:
    """`hidden`: the label is sensitive, so that no sentence with its values leaves the jail."""
    counted = Counter(table.origin[np.array(found.rows, np.int64)].tolist()).most_common(MOST_NAMED)
    return Finding(
        rule=found.rule,
        rows=len(found.rows),
        good=good,
        what=f"{len(found.rows)} rows are flagged by the rule {found.rule}" if hidden else clean(found.what, MOST_WHAT),
        seen={} if hidden else plain(found.seen),
        sources=tuple((table.origins[origin], number) for origin, number in counted),
        examples=tuple(shown),
    )


def _state(outcome: Outcome | None) -> State:
    if outcome is None:
        return "off"
    return "absent" if outcome.absent else "ran"


def _write(path: Path, columns: Mapping[str, Any], target: Path) -> None:
    source, row = _accepted.bookkeeping(path)
    pq.write_table(pa.table({SOURCE: source, ROW: row, **columns}), target, compression="zstd", store_schema=True)
