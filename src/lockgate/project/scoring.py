"""Scoring a whole file, and proving a file of predictions, as the library and the command line see them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.errors import Refused, Usage

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace
    from lockgate.config import Config
    from lockgate.pipeline.scoring.spec import Kind, Scored
    from lockgate.project import Project
    from lockgate.project.opened import Opened
    from lockgate.project.reports import ReceiptReport


def predict(
    project: Project,
    ref: str,
    source: str | Path,
    out: str | Path,
    *,
    environment: str,
    kind: Kind = "internal",
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Scored:
    """Score `source` into `out` with the model that `ref` names. Files are read as `[data]` says. Raises as `score`.

    The project's lock is not held: it works beside `serve`, whose sealer then carries the record.
    """
    from lockgate.pipeline.scoring.run import score
    from lockgate.pipeline.scoring.spec import Form, Wanted
    from lockgate.project.serving import _sealing
    from lockgate.sandbox.levels import at_least

    place = project.unlocked(environment, say=say)
    data = _settings(project, ref, place).data
    form = Form(data.null, data.delimiter, data.encoding)
    wanted = Wanted(ref, Path(source).absolute(), Path(out).absolute(), kind, form)
    with at_least(place.least_jail_level):
        return score(place, wanted, sealing=_sealing(project, place.ledger.root, say), progress=progress)


def _settings(project: Project, ref: str, place: Workplace) -> Config:
    """The settings of the model that `ref` names, where it is one of several that the project has."""
    from lockgate.audit.refs import resolve

    config = project.config
    if not config.models:
        return config
    return config.models.get(resolve(ref, place.ledger.statements(), place.environment).name, config)


def verify_rows(
    project: Opened, rows: Path, *, token: str = "", root: str = "", source: Path | None = None
) -> ReceiptReport:
    """A file of predictions, back to the root: its receipt as `verify_receipt`, then each row against the record.

    1. The receipt's file beside it names the receipt, unless `token` does.
    2. The receipt's record is in the signed log, it is of a file, and its model verifies.
    3. The parts in the receipt's file make the root in the record; `source`, where given, is the file that was scored.
    4. The rows are those in the record, each and all, in their order.

    Raises Usage LG679 (1, 2), Refused LG727 not sealed yet, VerificationFailed LG678 (3, 4), and as `verify_receipt`.
    """
    from lockgate.audit.entries import registrations
    from lockgate.contract.sources import capture
    from lockgate.core.records import parse_receipt
    from lockgate.pipeline.scoring.proved import MAX_RECEIPT, check_rows, check_told, read_told, rows_of
    from lockgate.pipeline.scoring.spec import RECEIPT
    from lockgate.project.receipts import verify_receipt
    from lockgate.sandbox.levels import at_least
    from lockgate.serve.evidence import read
    from lockgate.store.files import read_regular
    from lockgate.store.layout import RegistryStore

    # 1.
    beside = rows.with_name(rows.name + RECEIPT)
    try:
        told = read_told(read_regular(beside, MAX_RECEIPT))
    except FileNotFoundError:
        raise Usage(
            "LG679",
            f"there is no {beside.name} beside {rows.name}",
            seen={"file": str(beside)},
            next="put it back: without it nobody can say which record the rows belong to",
        ) from None
    # 2.
    report = verify_receipt(project, token or told.receipt, root=root)
    record = report.record
    if record is None:
        raise Refused("LG727", "this receipt's record is not sealed yet", next=f"lockgate verify --rows {rows}")
    if record["kind"] != "file":
        raise Usage(
            "LG679",
            "this receipt is of a prediction, not of a file of predictions",
            seen={"kind": record["kind"]},
            next=f"lockgate verify {token or told.receipt}",
        )
    salt = parse_receipt(token or told.receipt).salt
    ledger = project.ledger(root)
    registration = next(one for one in registrations(ledger.statements()) if one.manifest == record["model"])
    spec = read(registration, ledger, RegistryStore(project.home / "registry")).spec
    with tempfile.TemporaryDirectory() as name, at_least(project.least_jail_level()):
        scratch = Path(name)
        # 3.
        given = capture(source.absolute().parent, source.name, scratch / "source").digest if source else None
        check_told(told, salt, record["root"], given)
        # 4.
        file = capture(rows.absolute().parent, rows.name, scratch / "out")
        check_rows(rows_of(file, spec, scratch), told, salt, record["rows"])
    opened = {f"file of {record['rows']:,} rows": True, **({"file that was scored": True} if source else {})}
    return replace(report, opened=opened)
