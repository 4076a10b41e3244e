"""The ladder's evidence in the log of predictions: what gateways told of rows, and what moves told of checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lockgate.audit.ladder.impossible import Impossible
from lockgate.audit.observed import CrossCheck
from lockgate.audit.recount import Recount, Told, notes_of_withdrawals, told_moves
from lockgate.core.record_scan import place_of
from lockgate.errors import VerificationFailed
from lockgate.project.ladder_report import LadderReport
from lockgate.project.prediction_log import log_here, prediction_log
from lockgate.project.reports import Link, ModelReport
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.ledger import Ledger
    from lockgate.audit.log import Log
    from lockgate.core.verdict import Reason
    from lockgate.project.folder import Folder
    from lockgate.project.steps import Steps

_EFFECT = "what was decided on these numbers is not proved: take the candidate off the ladder"
_MOST_SPEC = 1 << 20


class Pass:
    """Gets each record of the log of predictions, in its order, and says in the end what holds."""

    def __init__(self, moves: Sequence[Told], log: Log, ledger: Ledger, steps: Steps, *, own: bool = False) -> None:
        """`own`: the log is this machine's, in a mirror: the project's moves are not of it.

        Raises VerificationFailed LG768.
        """
        self._moves, self._steps, self._statements = moves, steps, ledger.statements()
        self._rows = CrossCheck()
        self._impossible = Impossible()
        self._recount: Recount | None = None
        if moves and not own:
            with steps.step("the log that moves on the ladder tell of", _EFFECT, None, self._statements):
                self._recount = Recount(moves, log, partial(task_of, RegistryStore(ledger.home / "registry")))

    @property
    def until(self) -> int:
        """How many entries of the log the moves' numbers are of."""
        return 0 if self._recount is None else self._recount.until

    def take(self, index: int, gateway: bytes, entry: bytes) -> None:
        """The record at `index`, which `place_of` took."""
        record = self._rows.take(index, gateway, entry)
        if record is None:
            return
        self._impossible.takes(record)
        if self._recount is not None:
            self._recount.take(index, record)

    def check(self, notes: Sequence[Reason] = ()) -> LadderReport:
        """Raises VerificationFailed LG770 for what gateways told, LG768 for what a move up told.

        `notes`: what is to be said of moves without their numbers.
        """
        with self._steps.step("the rows that gateways told", _EFFECT):
            agreed = self._rows.agreed()
        found: tuple[Reason, ...] = ()
        if self._recount is not None:
            with self._steps.step("the numbers of moves on the ladder", _EFFECT, None, self._statements):
                found = self._recount.check()
        moves = len(self._moves) - sum(one.finding == "LG771" for one in found)
        return LadderReport(agreed, moves, self._recount is not None, (*notes, *found, *self._impossible.reasons()))


def moves_of(ledger: Ledger, steps: Steps, *, name: str = "") -> tuple[tuple[Told, ...], tuple[Reason, ...]]:
    """The moves that tell numbers, and notes about those that should. Raises VerificationFailed LG768, LG769."""
    statements = ledger.statements()
    with steps.step("the moves on the ladder", _EFFECT, None, statements):
        return told_moves(statements, name=name), notes_of_withdrawals(statements, name=name)


def task_of(registry: RegistryStore, registration: Registration) -> str:
    """The task of a model, from its closure. Raises VerificationFailed."""
    from lockgate.runtime import serving

    try:
        return serving.parse(registry.blobs.read(registration.file("io.json").digest, _MOST_SPEC)).task
    except ValueError as error:
        raise VerificationFailed(
            "LG768",
            f"a move cannot be counted again: io.json of {registration.ref} cannot be read: {error}",
            seen={"registration": registration.evidence.digest},
            next=f"lockgate verify {registration.ref}",
        ) from None


def recounted(project: Folder, ledger: Ledger, steps: Steps, *, name: str) -> LadderReport:
    """The ladder's evidence of one name: its moves' numbers, and what gateways told until the last of them.

    Reads no log of predictions where no move tells numbers. Raises VerificationFailed LG768 to LG770.
    """
    moves, notes = moves_of(ledger, steps, name=name)
    if not moves:
        return LadderReport(notes=notes)
    log = None if prediction_log(project, ledger).own else log_here(project, ledger)
    if log is None:
        return LadderReport(moves=len(moves), notes=notes)
    one = Pass(moves, log, ledger, steps)
    for index, entry in enumerate(log.entries(0, one.until)):
        try:
            gateway, _ = place_of(entry)
        except ValueError:
            continue  # LG720: `lockgate log verify` names it
        one.take(index, gateway, entry)
    return one.check(notes)


def with_ladder(report: ModelReport, found: LadderReport) -> ModelReport:
    """A model's page of proofs, with what was found of its ladder."""
    text = found.text()
    return replace(
        report,
        links=(*report.links, Link("ladder", text)) if text else report.links,
        not_proved=(*report.not_proved, *found.not_proved),
        warnings=(*report.warnings, *found.notes),
    )
