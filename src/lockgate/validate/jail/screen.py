"""The screen over accepted rows. Runs in the `parse` jail, in Lockgate's own environment: no user code is near.

Takes on standard input `{"table", "label", "sensitive", "origin", "sources", "rules", "seed", "marks"}`; the rows are
/in/accepted.parquet, those that a person marked /in/marks/N.parquet for the N-th word of `marks` ("good" or "bad").
Gives `screen.parquet`, one line for each accepted row, in their order, and `screen.json` (`validate.screen.account`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.findings import clean
from lockgate.contract.jail._lean import settle_without_pandas
from lockgate.contract.jail.outcome import data_dir, guarded, leave, out_dir, read_task
from lockgate.contract.spec import ACCEPTED, ROW, SOURCE, parse_table
from lockgate.validate.jail import _accepted
from lockgate.validate.jail._accepted import Accepted, Wanted
from lockgate.validate.screen.account import (
    MOST_FINDINGS,
    MOST_NAMED,
    MOST_WHAT,
    ROWS,
    SCREEN,
    Account,
    Finding,
    State,
    plain,
)
from lockgate.validate.screen.every import Screened, screen
from lockgate.validate.screen.spec import DOUBTFUL, RULES, Found, Outcome, RuleName
from lockgate.validate.screen.table import Table

Flags = npt.NDArray[np.uint16]
Marked = npt.NDArray[np.bool_]

_DOUBTFUL = sum(1 << RULES.index(rule) for rule in DOUBTFUL)


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
        found = screen(accepted.table, rules)
    rows = pq.read_metadata(path).num_rows
    good = _good(task["marks"], path, data / "marks", rows)
    flags = _flags(found, accepted, rows)
    hidden = task["label"] in wanted.sensitive
    account = _account(found, accepted, path, flags, good, hidden=hidden)
    (out / SCREEN).write_bytes(account.encode())
    _write(path, flags, good, _scores(found, accepted, rows), out / ROWS)


def _good(words: Sequence[str], path: Path, folder: Path, rows: int) -> Marked:
    if "good" not in words:
        return np.zeros(rows, np.bool_)
    from lockgate.validate.jail._marks import Marks

    marks = Marks.read(folder, words, pq.read_schema(path))
    return marks.good(pq.read_table(path, use_threads=False))


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


def _account(found: Screened, accepted: Accepted, path: Path, flags: Flags, good: Marked, *, hidden: bool) -> Account:
    table = accepted.table
    source, row = _accepted.bookkeeping(path)
    findings: list[Finding] = []
    listed: Counter[str] = Counter()
    settled = more = 0
    for each in (one for outcome in found.outcomes.values() for one in outcome.found if one.rows):
        places = accepted.places[np.array(each.rows, np.int64)]
        marked = int(good[places].sum())
        if marked == len(places):
            settled += 1
        elif listed[each.rule] == MOST_FINDINGS:
            more += 1
        elif table is not None:
            listed[each.rule] += 1
            shown = [(source[at].as_py(), row[at].as_py()) for at in places[~good[places]][:MOST_NAMED].tolist()]
            findings.append(_finding(each, table, marked, shown, hidden=hidden))
    flagged = (flags > 0) & ~good
    states: dict[RuleName, State] = {rule: _state(found.outcomes.get(rule)) for rule in RULES}
    return Account(
        rows=len(flags),
        looked=len(accepted.places),
        task=table.task if table is not None else "",
        rules=states,
        absent={rule: clean(one.absent, MOST_WHAT) for rule, one in found.outcomes.items() if one.absent},
        findings=tuple(findings),
        more=more,
        settled=settled,
        flagged=int(flagged.sum()),
        doubtful=int((flagged & ((flags & _DOUBTFUL) > 0)).sum()),
        good=int(((flags > 0) & good).sum()),
    )


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


def _write(path: Path, flags: Flags, good: Marked, scores: npt.NDArray[np.float32], target: Path) -> None:
    source, row = _accepted.bookkeeping(path)
    columns = {
        SOURCE: source,
        ROW: row,
        "score": pa.array(scores, pa.float32(), mask=np.isnan(scores)),
        "flags": pa.array(flags, pa.uint16()),
        "good": pa.array(good, pa.bool_()),
    }
    pq.write_table(pa.table(columns), target, compression="zstd", store_schema=True)
