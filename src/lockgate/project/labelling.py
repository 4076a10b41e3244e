"""Labels that come weeks later: a file of them, matched with the predictions in the log, and recorded."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lockgate.audit import labels as audited
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.spool import Spool
from lockgate.core.record_kinds import Of, RequestRecord, parse_any, request_tag
from lockgate.core.records import SALT_BYTES, parse_receipt
from lockgate.core.shown_html import Shown
from lockgate.errors import Refused, Unavailable
from lockgate.project.admitting import EDGE_SECRETS
from lockgate.project.label_files import Row, read_rows
from lockgate.project.receipts import predictions
from lockgate.serve import rules
from lockgate.serve.recording import labelling
from lockgate.serve.recording.labels import LabelIndex, Line, append_lines
from lockgate.serve.recording.parts import part_path
from lockgate.supervise.ids import Ids
from lockgate.trust import pin
from lockgate.trust._edgefile import EdgeSecrets, edge_secrets

if TYPE_CHECKING:
    from lockgate.audit.log import Log
    from lockgate.project.folder import Folder

NOBODY = ""
"""No client has this name: its pseudonym stands for labels from a file."""
_CHUNK = 1000
_NAMED = b'"id":"'

On = Literal["id", "receipt"]


@dataclass(frozen=True, repr=False)
class Told(Shown):
    """How many labels of the file were recorded, and why the others were not.

    `unmatched`: of no prediction in the log. `ambiguous`: several requests had that id, or the request has several rows
    and the file does not say which. `duplicate`: the prediction has a label, or the file names it twice.
    """

    recorded: int
    duplicate: int
    unmatched: int
    ambiguous: int

    def as_json(self) -> dict[str, int]:
        """For `--json`."""
        return dict(vars(self))

    def text(self) -> str:
        """One line."""
        return (
            f"{self.recorded:,} labels recorded; {self.duplicate:,} were there before, {self.unmatched:,} are of no "
            f"prediction in the log, {self.ambiguous:,} could be of several"
        )


@dataclass(frozen=True)
class Asked:
    """`column`: that of the id or receipt; `label`: that of the label; `client`: only of this client's requests."""

    on: On
    label: str = "label"
    column: str = ""
    client: str = ""


def feedback(project: Folder, file: Path, asked: Asked) -> Told:
    """Record the labels of a file.

    1. The file is read whole.   2. Ids and receipts are matched with the verified log of predictions.   3. What has a
    label already is left out.   4. The records go into a spool of their own, which the sealer of `serve` carries like a
    gateway's: now where it runs, else at its next start.   5. Only then are they handed on to monitors.

    Raises Usage LG668 for the file, Refused LG667 when nothing matches, VerificationFailed for the log.
    """
    # 1.
    rows = list(read_rows(file, asked.column or asked.on, asked.label))
    # 2.
    ledger = project.ledger()
    secrets = edge_secrets(pin.key_folder(ledger.root) / EDGE_SECRETS)
    log = predictions(project, ledger)
    index = PredictionIndex(log)
    found = [_receipts(index, row) for row in rows] if asked.on == "receipt" else _ids(log, rows, asked, secrets)
    matched = [(one[0], row.label) for row, one in zip(rows, found, strict=True) if len(one) == 1]
    unmatched, ambiguous = sum(not one for one in found), sum(len(one) > 1 for one in found)
    if not matched:
        raise Refused(
            "LG667",
            f"none of {len(rows):,} labels is of one prediction in the log",
            seen={"file": str(file), "on": asked.on, "unmatched": unmatched, "ambiguous": ambiguous},
            next="lockgate feedback --help",
        )
    known = LabelIndex(project.home / "state" / "spool")
    try:
        # 3.
        fresh = _fresh(log, matched, known)
        # 4. 5.
        _record(project, fresh, known, rules.pseudonym(secrets.pseudonym, NOBODY), log.checkpoint.origin)
    except OSError as error:
        raise Unavailable("LG732", f"labels cannot be recorded: {error}", next="lockgate doctor") from None
    finally:
        known.close()
    return Told(len(fresh), len(matched) - len(fresh), unmatched, ambiguous)


def _receipts(index: PredictionIndex, row: Row) -> list[Of]:
    try:
        of = Of.by(parse_receipt(row.key))
    except ValueError:
        return []
    return [of] if audited.has(index, of) else []


def _ids(log: Log, rows: Sequence[Row], asked: Asked, secrets: EdgeSecrets) -> list[list[Of]]:
    """The predictions of each line's request. Two requests with one id give all of them: that is told, not guessed."""
    wanted = {request_tag(secrets.pseudonym, row.key) for row in rows}
    client = rules.pseudonym(secrets.pseudonym, asked.client) if asked.client else None
    made: dict[str, list[tuple[int, Of]]] = defaultdict(list)
    for entry in log.entries(0, log.size):
        record = parse_any(entry) if _NAMED in entry else None
        if not isinstance(record, RequestRecord) or record.tag not in wanted:
            continue
        if client is None or record.client == client:
            rows_of = enumerate(record.inputs)
            made[record.tag] += [(record.first + at, Of(record.gateway, record.seq, at)) for at, _ in rows_of]
    found = []
    for row in rows:
        own = made.get(request_tag(secrets.pseudonym, row.key), [])
        found.append([of for number, of in own if row.row is None or row.row == number])
    return found


def _fresh(log: Log, matched: Sequence[tuple[Of, Any]], known: LabelIndex) -> list[tuple[Of, Any]]:
    """Those that have no label yet: in the log, on its way there, or in an earlier line."""
    have = {one.record.of_ for one in audited.feedback(log)}
    fresh = {}
    for of, label in matched:
        if of not in have and of not in fresh:
            fresh[of] = label
    on_the_way = set(known.known([labelling.place(of) for of in fresh]))
    return [(of, label) for of, label in fresh.items() if labelling.place(of) not in on_the_way]


def _record(project: Folder, fresh: Sequence[tuple[Of, Any]], known: LabelIndex, client: str, log: str) -> None:
    gateway, seq = os.urandom(8).hex(), 0
    state = project.home / "state"
    lines_at = state / "feedback"
    for folder in (state / "spool", lines_at):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # From now on the sealer may carry it; whether that is the one here or, in a mirror, the one elsewhere.
    Ids(project.home).add(gateway, by="feedback", log=log)
    with Spool(part_path(state / "spool", gateway, 0)) as spool:
        for chunk in _chunks(fresh):
            time, records, lines = round(project.now().timestamp() * 1000), [], []
            for of, label in chunk:
                salt = os.urandom(SALT_BYTES)
                made = labelling.record(gateway, seq, time, client, of, label, salt)
                records.append(made.encode())
                lines.append(Line(labelling.place(of), label, labelling.receipt(made, salt), time))
                seq += 1
            spool.append(records)
            append_lines(lines_at, lines)
            known.add(line.place for line in lines)


def _chunks(fresh: Sequence[tuple[Of, Any]]) -> Iterator[Sequence[tuple[Of, Any]]]:
    for start in range(0, len(fresh), _CHUNK):
        yield fresh[start : start + _CHUNK]
