"""The moves of a model, as the library and the command line see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.project.folder import DEV
from lockgate.project.opened import Opened

if TYPE_CHECKING:
    from lockgate.pipeline import Observer
    from lockgate.project.deploying import Deployed, RolledBack, Worded


class Moving(Opened):
    """Approve, deploy, roll back, revoke."""

    def approve(self, ref: str, *, environment: str, reason: str = "") -> Worded:
        """Sign, as approver, that `ref` may go live in `environment`."""
        from lockgate.project.deploying import approve

        with self.workplace(environment) as place:
            return approve(place, ref, reason=reason)

    def deploy(
        self,
        ref: str,
        *,
        environment: str = DEV,
        rung: str = "live",
        reason: str = "",
        observer: Observer | None = None,
    ) -> Deployed:
        """Make `ref` live in `environment`, if its policy agrees. Raises as `lockgate.deploy.run.deploy`."""
        from lockgate.project.deploying import deploy

        with self.workplace(environment) as place:
            return deploy(place, ref, rung=rung, reason=reason, observer=observer)

    def rollback(self, what: str, *, to: str = "", reason: str = "") -> RolledBack:
        """Make an earlier statement of a stage its head, or an earlier model live in an environment."""
        from lockgate.project.deploying import rollback

        with self.workplace() as place:
            return rollback(place, what, to=to, reason=reason)

    def revoke(self, ref: str, *, reason: str) -> Worded:
        """Sign, as revoker, that `ref` must not be used any more."""
        from lockgate.project.deploying import revoke

        with self.workplace() as place:
            return revoke(place, ref, reason=reason)
