"""The watcher process: reads the two logs, counts, and proposes alarms. Runs in the `watcher` jail.

No key, no network, no registry, no spool, as the controller. It runs while the live model has a plan of what is
watched. Taken over, it can be silent about an alarm, and make the supervisor count for nothing; it cannot have one
signed that the log's own records do not bear out.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockgate.audit.watched import plans_of
from lockgate.serve.settings import ControllerSettings
from lockgate.supervise.controller import Desk, Judge, sit
from lockgate.supervise.lookout import Lookout


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. It ends when the supervisor closes the control socket."""
    sit("watcher", WatchDesk, arguments)


class WatchDesk(Desk):
    """The desk of a watcher: plans come to it with the statements."""

    def judge(self, settings: ControllerSettings) -> Judge:
        """Of the live model."""
        return Lookout(
            settings.environment,
            settings.name,
            self._statements,
            self._predictions,
            lambda registration: plans_of(registration, self._handed.blobs),
        )
