"""Which clients gateways suspect, as the library and the command line see it, and an operator's word on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.project.admitting import Admitting

if TYPE_CHECKING:
    from lockgate.project.suspected_views import Cleared, Queue, Why


class Suspecting(Admitting):
    """Reading changes nothing; clearing is written into the registry of clients."""

    def client_suspected(self, name: str) -> Why:
        """What the log of predictions says that a client (its name, or its pseudonym) was suspected of.

        Raises Usage LG621 there is no such client; Refused LG775; VerificationFailed.
        """
        from lockgate.project.suspected import why

        return why(self, name)

    def clients_suspected(self) -> Queue:
        """Who is suspected now, worst first. Raises VerificationFailed."""
        from lockgate.project.suspected import review

        return review(self)

    def clear_client(self, name: str, *, reason: str) -> Cleared:
        """A person's word that a client is not what it was suspected of; where there is nothing, nothing is changed.

        1. A reason is given.   2. The client is suspected now, by the log.   3. The registry says it, and who did.

        Raises Usage LG6120, LG621; Refused LG775; VerificationFailed.
        """
        from lockgate.project.suspected import check_why, user, why
        from lockgate.project.suspected_views import Cleared

        # 1.
        check_why(reason, name)
        # 2.
        found = why(self, name)
        if not found.standing:
            return Cleared(found, None)
        # 3.
        return Cleared(found, self._registry().clear(found.name, now=self.now(), reason=reason.strip(), by=user()))
