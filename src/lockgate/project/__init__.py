"""A project: its folder, its keys, its evidence. The library's and the notebook's way in; the CLI uses it too.

    from lockgate import Project
    result = Project.open(".").run()

Every method verifies what it reads, from the root that the user pinned, before it believes or changes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from lockgate.core.names import PROJECT_FILE
from lockgate.errors import Usage
from lockgate.project.bringing import Bringing
from lockgate.project.carrying import Carrying
from lockgate.project.drafts.drafting import Drafting
from lockgate.project.folder import DEV, now
from lockgate.project.keeping import Keeping
from lockgate.project.monitoring import Monitoring
from lockgate.project.moving import Moving
from lockgate.project.proofs import Proving
from lockgate.project.reviewing import Reviewing
from lockgate.project.suspecting import Suspecting
from lockgate.project.trusting import Trusting
from lockgate.project.upkeep import Upkeep

if TYPE_CHECKING:
    from lockgate.pipeline import Observer, RunResult, StageDone
    from lockgate.pipeline.scoring.spec import Scored
    from lockgate.project.checked import Checked
    from lockgate.project.erasing import Erased
    from lockgate.project.founding import Founded
    from lockgate.project.import_page import ImportPage
    from lockgate.project.labelling import Asked, Told
    from lockgate.project.locking import Locked
    from lockgate.project.pages import ModelLines, ModelPage, StatusPage
    from lockgate.project.payloads import Payload
    from lockgate.project.retention import Overdue


class Project(
    Trusting, Suspecting, Keeping, Bringing, Moving, Monitoring, Reviewing, Proving, Carrying, Upkeep, Drafting
):
    """A folder with a lockgate.toml. Holds nothing open; each method opens, verifies, does, and closes."""

    @staticmethod
    def open(directory: str | Path = ".") -> Project:
        """The project in `directory`, or in the nearest folder above. Raises Usage (LG945)."""
        start = Path(directory).resolve()
        for place in (start, *start.parents):
            if (place / PROJECT_FILE).is_file():
                return Project(place)
        raise Usage(
            "LG945",
            "this is not a project: there is no lockgate.toml here or above",
            seen={"folder": str(start)},
            next="lockgate init",
        )

    @staticmethod
    def create(directory: str | Path = ".", *, person: str = "") -> Founded:
        """Make keys, root, log and registry for the project in `directory`, and pin its root for this user.

        Raises Refused (LG947) where a project is already.
        """
        from lockgate.project.founding import found

        return found(Path(directory).resolve(), person=person, now=now())

    def run(self, *, environment: str = DEV, fresh: bool = False, observer: Observer | None = None) -> RunResult:
        """Ingest, validate, train, judge, register. Deploys nothing.

        Of a project with several models, `each` and `one` give the one to run. Without an `observer` a notebook is told
        each stage on stderr, and plain Python nothing.

        Raises Refused when a rule says no, Usage when the user's files are wrong (LG973: which of several models),
        Unfit when the jail cannot hold.
        """
        from lockgate.pipeline import ORDER, run_stages
        from lockgate.pipeline.telling import default_observer
        from lockgate.project.carry.mirror import refuse_work
        from lockgate.project.pages import run_result

        refuse_work(self.home)
        config, began = self.config.only(), monotonic()
        watcher = observer or default_observer()
        with self.workplace(environment, say=watcher.say) as place:
            stages = run_stages(place, config, ORDER, watcher, fresh=fresh)
            return run_result(place, config, stages, monotonic() - began)

    def run_stage(self, name: str, *, environment: str = DEV, observer: Observer | None = None) -> StageDone:
        """One stage, done anew."""
        from lockgate.pipeline import run_stages
        from lockgate.pipeline.telling import default_observer
        from lockgate.project.carry.mirror import refuse_work

        refuse_work(self.home)
        config, watcher = self.config.only(), observer or default_observer()
        with self.workplace(environment, say=watcher.say) as place:
            return run_stages(place, config, (name,), watcher, fresh=True)[0]

    def check(self, *, environment: str = DEV, say: Callable[[str], None] = lambda _: None) -> Checked:
        """Whether a training would run, convert and fit; see `lockgate.project.checking.check`. Signs nothing."""
        from lockgate.project.checking import check

        return check(self, environment, say)

    def lock(
        self,
        *,
        upgrade: bool = False,
        upgrade_packages: tuple[str, ...] = (),
        build: tuple[str, ...] = (),
        check: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> Locked:
        """Make the lock of the training environment, or check it. Raises as `lockgate.project.locking.make_lock`."""
        from lockgate.project.locking import make_lock
        from lockgate.sandbox.levels import at_least

        packages = {"upgrade_packages": upgrade_packages, "build": build}
        with at_least(self.least_jail_level()):
            return make_lock(self, say=say, upgrade=upgrade, check=check, **packages)

    def models(self) -> ModelLines:
        """What is registered, oldest first."""
        from lockgate.project.pages import model_lines

        return model_lines(self.ledger(), self.now())

    def show(self, ref: str = "latest") -> ModelPage | ImportPage:
        """One model's page, or that of a model that was imported."""
        from lockgate.audit.imports import named
        from lockgate.audit.withdrawn import withdrawn
        from lockgate.project.import_page import import_page
        from lockgate.project.pages import model_page

        ledger = self.ledger()
        brought = named(ref, ledger.statements())
        if brought is not None:
            gone = withdrawn(ledger.statements()).digests
            return import_page(brought, revoked=bool(gone & {brought.manifest, brought.evidence.digest}))
        return model_page(ledger, self.resolve(ref), self.policy(ledger), self.now())

    def status(self) -> StatusPage:
        """Where everything stands."""
        from dataclasses import replace

        from lockgate.project import glance
        from lockgate.project.pages import status_page
        from lockgate.project.seen_by import status_lines
        from lockgate.project.served_state import ends_of, served_state
        from lockgate.project.threats.line import drill_line

        ledger, now = self.ledger(), self.now()
        page = status_page(ledger, self.config, self.policy(ledger), now, glance.looks_if_it_can(self, ledger))
        alarms = glance.open_alarms(ledger.statements(), now)
        ends, suspected = ends_of(self, ledger.roles, now), glance.suspected(self, ledger)
        page = replace(page, kept=tuple(f"{one.finding}  {one.message}" for one in glance.kept(self, ledger)))
        page = replace(page, growth=served_state(self, now), ends=ends, alarms=alarms, suspected=suspected)
        cosigned, wrong = status_lines(self, ledger, now)
        page = replace(page, drills=drill_line(ledger.statements(), now))
        return replace(page, unseen=glance.unseen(self, ledger), cosigned=cosigned, witnesses=wrong)

    def jail(self, command: tuple[str, ...], *, say: Callable[[str], None]) -> int:
        """Run `command` in training's jail; its exit status."""
        from lockgate.pipeline.stages import run_in_train_jail

        config = self.config.only()
        with self.workplace(say=say) as place:
            return run_in_train_jail(place, config, command)

    def serve(self, **options: Any) -> None:
        """Serve what is live until interrupted; see `lockgate.project.serving.serve`."""
        from lockgate.project.serving import serve

        serve(self, **options)

    def predict(self, ref: str, source: str | Path, out: str | Path, **options: Any) -> Scored:
        """Score a whole file; see `lockgate.project.scoring.predict`."""
        from lockgate.project.scoring import predict

        return predict(self, ref, source, out, **{"environment": DEV, **options})

    def feedback(self, file: Path, asked: Asked) -> Told:
        """Record labels that came later; see `lockgate.project.labelling.feedback`."""
        from lockgate.project.labelling import feedback

        return feedback(self, file, asked)

    def payload(self, receipt: str) -> Payload:
        """What was asked and answered, where it is kept; see `lockgate.project.payloads.read`."""
        from lockgate.project.payloads import read

        return read(self, receipt)

    def erase(
        self,
        *,
        receipt: str = "",
        subject: str = "",
        again: bool = False,
        reason: str = "",
        to_file: Path | None = None,
    ) -> Erased:
        """Erase one kept payload, or all about a subject; or `again` what the log says was. Raises Refused LG670.

        See `lockgate.project.erasing`.
        """
        from lockgate.project.erasing import erase_again, erase_receipt, erase_subject

        if again:
            return erase_again(self, to_file=to_file)
        if receipt:
            return erase_receipt(self, receipt, reason=reason, to_file=to_file)
        return erase_subject(self, subject, reason=reason, to_file=to_file)

    def end_overdue(self) -> Overdue:
        """Destroy what is kept for longer than the policy says; see `lockgate.project.retention`."""
        from lockgate.project.retention import end_overdue

        return end_overdue(self)

    def facts(self, environment: str) -> tuple[str, ...]:
        """The header of a run: name, policy, signer, jail level."""
        from lockgate.project.pages import header

        ledger = self.ledger()
        return header(self.config, self.policy(ledger), ledger, environment)
