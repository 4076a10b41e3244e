"""The moves of a model, as the library and the command line see them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.errors import Usage
from lockgate.project.folder import DEV
from lockgate.project.opened import Opened

if TYPE_CHECKING:
    from lockgate.core.shown_html import Listed
    from lockgate.pipeline import Observer
    from lockgate.project.deploying import AuthorisedLine, Deployed, RolledBack, WaiverLine, Withdrawn, Worded


class Moving(Opened):
    """Approve, waive, deploy, roll back, revoke. With `to_file` a statement is signed into a file, not into the log."""

    def approve(
        self,
        ref: str,
        *,
        environment: str,
        reason: str = "",
        show: Callable[[str], None] = lambda _: None,
        to_file: Path | None = None,
    ) -> Worded:
        """Sign, as approver, that `ref` may go live in `environment`; `show` gets what is approved, before it is."""
        from lockgate.project.deploying import approve

        with self.workplace(environment, to_file=to_file) as place:
            return approve(place, ref, reason=reason, show=show)

    def asked(self, ref: str, *, environment: str) -> tuple[str, ...]:
        """What an approval of `ref` for `environment` would be about, a line each. Signs nothing."""
        from lockgate.deploy.words import asked
        from lockgate.project.deploying import asked_lines

        return asked_lines(asked(self.unlocked(environment), ref, environment))

    def deploy(
        self,
        ref: str,
        *,
        environment: str = DEV,
        rung: str = "",
        reason: str = "",
        raise_floor: bool | int = False,
        replace: bool = False,
        stay: bool = False,
        observer: Observer | None = None,
        to_file: Path | None = None,
    ) -> Deployed:
        """Move `ref` in `environment`, if its policy agrees. Raises as `lockgate.deploy.run.deploy`.

        `rung`: empty: the next one; live, where the environment has no ladder or nothing is live there yet.
        `raise_floor`: no version below this number goes live there any more; True: none below that of `ref`.
        `replace`: take another model off the ladder for it. `stay`: where it is on the ladder, leave it on its rung.
        """
        from lockgate.project.deploying import deploy
        from lockgate.project.ladder_facts import looks_here

        with self.workplace(environment, to_file=to_file) as place:
            return deploy(
                place,
                ref,
                rung=rung,
                reason=reason,
                raise_floor=raise_floor,
                replace=replace,
                stay=stay,
                observer=observer,
                look=looks_here(self, place.ledger),
            )

    def authorise(
        self,
        ref: str,
        *,
        environment: str,
        expires: datetime | timedelta,
        reason: str = "",
        replace: bool = False,
        to_file: Path | None = None,
    ) -> AuthorisedLine:
        """Sign, as deployer, that `ref` may climb the ladder of `environment` by itself until `expires`.

        It is put on the first rung where it stands on none. Raises as `lockgate.deploy.authorising.authorise`.
        """
        from lockgate.deploy.spec import DeploySpec
        from lockgate.project.deploying import authorise

        spec = DeploySpec(ref, environment, reason=reason, replace=replace)
        with self.workplace(environment, to_file=to_file) as place:
            return authorise(place, spec, expires)

    def rollback(self, what: str, *, to: str = "", reason: str = "") -> RolledBack:
        """Make an earlier statement of a stage its head, or an earlier model live in an environment.

        Where a model is on the ladder of the environment and `to` is empty, it is taken off, and live stays.

        Raises Usage LG973 for a stage, where the project has several models and this is none of them (`one`); LG940
        for an environment, where it is one and `to` is empty: what goes back there is not decided by that.
        """
        from lockgate.audit.heads import STAGE_ROLES
        from lockgate.project.deploying import rollback
        from lockgate.project.ladder_facts import looks_here
        from lockgate.project.prediction_log import AT_ONCE

        if what in STAGE_ROLES:
            self.config.only()
        elif self.model and not to:
            raise Usage(
                "LG940",
                "in an environment a model is named by its REF, not by --model",
                seen={"environment": what, "model": self.model},
                next=f"lockgate rollback {what} --to {self.model}@1",
            )
        with self.workplace() as place:
            return rollback(place, what, to=to, reason=reason, look=looks_here(self, place.ledger, most=AT_ONCE))

    def revoke(self, what: str, *, reason: str, to_file: Path | None = None) -> Withdrawn:
        """Sign, as revoker, that a model, or a statement and all that rests on it, must not be used any more."""
        from lockgate.project.deploying import revoke

        with self.workplace(to_file=to_file) as place:
            return revoke(place, what, reason=reason)

    def waive(
        self,
        finding: str,
        *,
        environment: str,
        reason: str,
        expires: datetime | timedelta,
        ref: str = "",
        to_file: Path | None = None,
    ) -> WaiverLine:
        """Sign, as approver, that `finding` shall not refuse in `environment` until `expires`; with `ref`: that model.

        Raises Refused (LG516) what cannot be waived, Usage (LG517) too long, (LG9011) no such threat.
        """
        from lockgate.audit.waivers import is_threat
        from lockgate.project.deploying import waive

        if is_threat(finding):
            from lockgate.project.threats.catalogue import check_can_be_accepted

            check_can_be_accepted(finding)
        with self.workplace(environment, to_file=to_file) as place:
            return waive(place, finding, reason=reason, expires=expires, ref=ref)

    def waivers(self) -> Listed[WaiverLine]:
        """The waivers that hold now, in every environment."""
        from lockgate.core.shown_html import Listed
        from lockgate.deploy.status import status_of
        from lockgate.project.deploying import waiver_line

        return Listed(waiver_line(one) for one in status_of(self.ledger().statements(), self.now()).waivers)

    def end_waiver(self, identity: str, *, reason: str, to_file: Path | None = None) -> Withdrawn:
        """Revoke a waiver before it expires: by the digest of its statement, a prefix, or its log index."""
        from lockgate.project.deploying import end_waiver

        with self.workplace(to_file=to_file) as place:
            return end_waiver(place, identity, reason=reason)
