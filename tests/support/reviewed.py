"""A signed project whose newest validate statement leaves rows to a person: real files, and no run before them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.models import said_for
from lockgate.audit.seal import seal
from lockgate.contract.jailed import Task
from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import encode
from lockgate.core.moments import rfc3339
from lockgate.core.statement import MARK, Statement, Subject, claim_uri, test_result
from lockgate.project import Project
from lockgate.sandbox.settings import JailSettings
from lockgate.trust import pin
from lockgate.validate import reviewing
from lockgate.validate.jail.review import review
from tests.support.project import SignedProject, signed_project
from tests.support.project import fork as fork_project

CONFIG = """[project]
name = "flights"
[data]
sources = ["*.csv"]
contract = "contract.py:Flight"
label = "late"
sensitive = ["home"]
"""

_FIELDS: Any = [("late", pa.bool_()), ("hour", pa.int64()), ("gate", pa.float64()), ("carrier", pa.string()),
                ("home", pa.string())]  # fmt: skip
_REFUSED: Any = [("source", pa.string()), ("row", pa.int64()), ("field", pa.string()), ("rule", pa.string()),
                 ("message", pa.string())]  # fmt: skip
FIELDS = pa.schema(_FIELDS)
BOOKKEEPING = pa.schema([("__source__", pa.int32()), ("__row__", pa.int64())])
QUARANTINE = pa.schema(_REFUSED)

SECRET = "12 Plum Lane"
LABELS, TRIGGERS = 1 << 3, 1 << 4
"""The bits of the rules `labels` and `triggers`."""

SOURCES = ("a.csv", "b.csv")


def flight(number: int, **changes: Any) -> dict[str, Any]:
    """One row, unlike all others."""
    plain = {"late": number % 2 == 0, "hour": number, "gate": number + 0.5, "carrier": "ZZ", "home": SECRET}
    return {**plain, **changes}


ROWS = [*(flight(number) for number in range(8)), flight(8, gate=float("nan"), carrier=None), flight(9), flight(3)]
"""Eight of a.csv (rows 1 to 8: its row 0 is quarantined), three of b.csv, of which row 2 is a.csv's row 4 again."""

PLACES = [*((0, row) for row in range(1, 9)), (1, 0), (1, 1), (1, 2)]
FLAGS = [0, LABELS, LABELS, LABELS | TRIGGERS, 0, 0, TRIGGERS, 0, LABELS, 0, LABELS]
SCORES = [0.0, 0.5, 0.9, 0.7, 0.0, 0.0, 0.1, 0.0, float("nan"), 0.0, 0.7]


@dataclass
class Reviewed:
    """The project, and what was signed about its rows."""

    signed: SignedProject
    validate: Evidence

    @property
    def project(self) -> Project:
        """As the library opens it."""
        return Project(self.signed.root)

    def mark(self, word: str = "bad", *, of: str = "", role: str = "approver", **changes: Any) -> Evidence:
        """A mark as whoever holds a key of `role` can make it: about no file at all, if one wants."""
        return self.signed.record(role, said_for(mark_statement(self, word, **changes), of))


def mark_statement(house: Reviewed, word: str = "bad", **changes: Any) -> Statement:
    """A mark on one row, as `lockgate review mark` would sign it."""
    marks = changes.pop("marks", digest_of(repr(house.signed.clock()).encode()))
    predicate = {
        "claim": claim_uri("mark"),
        "time": rfc3339(house.signed.clock()),
        "project": house.signed.created.project_id,
        "reason": "seen",
        "mark": word,
        "rows": 1,
        "marks": marks,
        "validate": house.validate.digest,
        "findings": ["LG233"],
    }
    return Statement((Subject("marks.parquet", marks),), MARK, {**predicate, **changes})


def reviewed(folder: Path, patch: pytest.MonkeyPatch) -> Reviewed:
    """Eleven accepted rows of two files, seven of them flagged by two rules; one row quarantined."""
    signed = signed_project(folder, patch)
    signed.clock.now = datetime.now(UTC) - timedelta(minutes=2)
    (signed.root / "lockgate.toml").write_text(CONFIG)
    root, key = signed.created.project_id, signed.ledger.roles.sealer_key()
    sign = signed.keyring.signer("sealer").sign_note
    seal(signed.home / "log" / PREDICTIONS, [], origin=origin(root, PREDICTIONS), sign=sign, public_key=key)
    pin.pin(root, signed.root, signed.clock())
    return Reviewed(signed, signed.record("validator", validate_statement(signed)))


def fork(house: Reviewed, folder: Path) -> Reviewed:
    """The same project in a folder of its own, with the same keys: what happens to it, the first one does not see."""
    signed = fork_project(house.signed, folder)
    return Reviewed(signed, house.validate)


def in_process(patch: pytest.MonkeyPatch) -> None:
    """Let rows be read in this process instead of the jail, by the same code on the same files."""

    def run(settings: JailSettings, task: Task, into: Path, **_: Any) -> tuple[dict[str, Path], None]:
        (into / "in" / "marks").mkdir(parents=True)
        for bind in settings.binds:
            (into / bind.target.lstrip("/")).symlink_to(bind.source)
        work: Any = task.given
        review(work, into / "in", into)
        return {name: into / name for name in task.gives}, None

    patch.setattr(reviewing, "run_task", run)


def validate_statement(
    signed: SignedProject, screened: bool = True, *, parts: Mapping[str, bytes] | None = None, **changes: Any
) -> Statement:
    """What validate would sign of ROWS, with its files in the data store. `changes`: of the statement's facts.

    `parts`: other files in the place of these.
    """
    refused = {"source": "a.csv", "row": 0, "field": "hour", "rule": "int_parsing", "message": "not a whole number"}
    files = {
        "accepted.parquet": accepted(ROWS, PLACES),
        "quarantine.parquet": table([refused], QUARANTINE),
        "screen.parquet": screen_of(PLACES),
        "report.json": report(),
        **(parts or {}),
    }
    kept = {name: signed.data.put(data, mode=0o400) for name, data in files.items()}
    named = [name for name in kept if name.endswith("parquet") and (screened or name != "screen.parquet")]
    facts = {
        "rows": 12,
        "accepted": 11,
        "quarantined": 1,
        "sensitive": ["home"],
        "label": "late",
        "report": kept["report.json"],
    }
    screen = {"findings": [], "flagged": 6, "doubtful": 6, "good": 0, "settled": 0} if screened else None
    return test_result(
        "validate",
        [Subject(name, kept[name]) for name in named],
        "PASSED",
        rules=digest_of(b"contract"),
        time=rfc3339(signed.clock()),
        **{**facts, "snapshot": digest_of(b"snapshot"), "screen": screen, "marks": [], "marked_bad": 0, **changes},
    )


def accepted(rows: Sequence[Mapping[str, Any]], places: Sequence[tuple[int, int]]) -> bytes:
    """accepted.parquet."""
    keys = [{"__source__": source, "__row__": row} for source, row in places]
    whole = [{**row, **key} for row, key in zip(rows, keys, strict=True)]
    return table(whole, pa.schema([*FIELDS, *BOOKKEEPING], metadata={"lockgate.fields": "{}"}))


def table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> bytes:
    """Rows as Parquet."""
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), out, row_group_size=4)
    return out.getvalue()


def digests(*found: Evidence) -> list[Digest]:
    """Of the statements."""
    return [one.digest for one in found]


def screen_of(places: Sequence[tuple[int, int]], found: Sequence[Sequence[int]] | None = None) -> bytes:
    """screen.parquet, of the rows at `places`; `found`: the findings of each, by their place in the report."""
    of = found or [[place for place, bit in enumerate((TRIGGERS, LABELS)) if flags & bit] for flags in FLAGS]
    kinds: Any = [("score", pa.float32()), ("flags", pa.uint16()), ("good", pa.bool_()),
                  ("found", pa.list_(pa.uint16()))]  # fmt: skip
    schema = pa.schema([*BOOKKEEPING, *kinds])
    rows = [
        {"__source__": source, "__row__": row, "score": score, "flags": flags, "good": False, "found": numbers}
        for (source, row), score, flags, numbers in zip(places, SCORES, FLAGS, of, strict=False)
    ]
    return table(rows, schema)


def report(*, twice: bool = False) -> bytes:
    """report.json; `twice`: with two findings of the rule `triggers`."""

    def finding(name: str, rule: str, rows: int, what: str) -> dict[str, Any]:
        sources = [["a.csv", rows - 1], ["b.csv", 1]]
        rest = {"good": 0, "sources": sources, "examples": [["a.csv", 3]], "seen": {}}
        return {"finding": name, "rule": rule, "rows": rows, "what": what, **rest}

    labels = finding("LG233", "labels", 5, "5 labels are unlike those of their neighbours")
    triggers = finding("LG234", "triggers", 2, "2 rows with hour = 3 are late \x1b[31m")
    by_rule = [{"count": 1, "field": "hour", "rule": "int_parsing", "message": "not a whole number", "rows": []}]
    by_source = [{"source": name, "rows": 6, "quarantined": 0} for name in SOURCES]
    more = [finding("LG234", "triggers", 2, "2 with gate")] if twice else []
    screen = {
        "findings": [triggers, labels, *more],
        "absent": {"spectral": "11 rows are too few"},
        "flagged": 6,
        "looked": 11,
    }
    counts = {"v": 1, "rows": 12, "accepted": 11, "quarantined": 1}
    return encode({**counts, "by_rule": by_rule, "by_source": by_source, "screen": screen})
