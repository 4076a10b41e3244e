"""What is proved, back to the root that the user pinned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.project.folder import DEV
from lockgate.project.opened import Opened

if TYPE_CHECKING:
    from lockgate.audit.index.store import Index, Progress
    from lockgate.core.digest import Digest
    from lockgate.project.asked import Question, Told
    from lockgate.project.cosigning import Witnessed
    from lockgate.project.offline import HandedOut
    from lockgate.project.repair import Checked
    from lockgate.project.reports import EverythingReport, LogsReport, ModelReport, Proof, ReceiptReport
    from lockgate.project.threats.page import ThreatsPage
    from lockgate.project.who_served import Asked, Served


class Proving(Opened):
    """Verification. Reads everything anew; believes no index, cache or name."""

    def verify(
        self, ref: str = "latest", *, root: str = "", materialize: Path | None = None, environment: str = ""
    ) -> ModelReport:
        """Walk one model's chain back to the root. Raises VerificationFailed at the first step that fails.

        `environment`: of an imported model, where it is to be loaded: enough persons must have approved it there.
        """
        from lockgate.project.proving import verify_model

        return verify_model(self, ref, root=root, materialize=materialize, environment=environment)

    def threats(
        self, ids: Sequence[str] = (), *, program: Digest | None = None, environment: str = DEV, root: str = ""
    ) -> ThreatsPage:
        """How each threat stands by the verified log and the policy in force; `ids`: of these alone.

        `program`: the digest of the files of the program of which results of drills must be; by default this one.
        """
        from lockgate.project.threats.look import look
        from lockgate.project.threats.program import digest

        return look(self, ids, environment=environment, program=program or digest(), root=root)

    def verify_everything(self, *, root: str = "") -> EverythingReport:
        """Every file under registry and log, every statement, every model."""
        from lockgate.project.everything import verify_everything

        return verify_everything(self, root=root)

    def verify_logs(self, *, root: str = "") -> LogsReport:
        """Both logs, read whole."""
        from lockgate.project.everything import verify_logs

        return verify_logs(self, root=root)

    def check_logs(self, *, root: str = "", repair: bool = False, copy: Path | None = None) -> Checked:
        """Both logs and what lies beside them; every damage, and with `repair` what could be put right."""
        from lockgate.project.repair import check

        return check(self, root=root, repair=repair, copy=copy)

    def verify_receipt(self, token: str, *, root: str = "", record: Path | None = None) -> ReceiptReport:
        """One prediction, from its receipt."""
        from lockgate.project.receipts import verify_receipt

        return verify_receipt(self, token, root=root, record=record)

    def verify_rows(self, rows: Path, *, token: str = "", root: str = "", source: Path | None = None) -> ReceiptReport:
        """A file of predictions, row by row, from the receipt beside it."""
        from lockgate.project.scoring import verify_rows

        return verify_rows(self, rows, token=token, root=root, source=source)

    def prove(self, what: str) -> Proof:
        """An offline proof for a receipt, or for a statement by digest, prefix or log index."""
        from lockgate.project.receipts import prove

        return prove(self, what)

    def hand_out_proof(self, proof: Proof, folder: Path) -> HandedOut:
        """A proof with all that a stranger needs to check it, in a new folder."""
        from lockgate.project.offline import hand_out

        return hand_out(self, proof, folder)

    def ask_witnesses(self, *, ca: str = "", seconds: float = 10.0) -> Witnessed:
        """Ask the witnesses that the policy names to cosign both logs. Raises Usage LG7014 when it names none."""
        from lockgate.audit.witness.client import poster
        from lockgate.project.cosigning import cosign

        return cosign(self, post=poster(seconds=seconds, ca=ca))

    def who_served(self, asked: Asked, progress: Progress | None = None) -> Served:
        """What was in force at a time, and which version answered which client; see `lockgate.project.who_served`."""
        from lockgate.project.who_served import who_served

        return who_served(self, asked, progress)

    def asked_about(self, question: Question, progress: Progress | None = None) -> Told:
        """Everything about a model, a client, a dataset or a day; see `lockgate.project.asked`."""
        from lockgate.project.asked import asked_about

        return asked_about(self, question, progress)

    def reindex_predictions(self, progress: Progress | None = None) -> Index | None:
        """Make the index of the predictions anew from their log; None where there is none."""
        from lockgate.project.indexed import index_here
        from lockgate.project.prediction_log import log_here

        ledger = self.ledger()
        log = log_here(self, ledger)
        return None if log is None else index_here(self, ledger, log, fresh=True, progress=progress)
