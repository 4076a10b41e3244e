"""What `status` asks where there can be something to tell: nothing is loaded for what was never begun.

Each function gives what the one that it stands before gives. Where the verified log and the folder show that this is
nothing, it gives that without loading what would find it out: a project in which nothing is served yet has no alarms,
no clients and nothing kept of people, and is asked for its status most often of all.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lockgate.errors import LockgateError
from lockgate.project.admitting import EDGE_SECRETS, Admitting
from lockgate.project.prediction_log import log_here
from lockgate.project.served_state import CLIENTS
from lockgate.trust import pin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lockgate.audit.evidence import Evidence
    from lockgate.audit.ledger import Ledger
    from lockgate.audit.load import LoadStanding
    from lockgate.core.verdict import Reason
    from lockgate.deploy.spec import Facts, Look
    from lockgate.project.folder import Folder

_KEPT = ("payloads", "feedback", "erasing")
"""Where below `state` lies what is kept of people, and what was begun to erase it."""


def open_alarms(statements: Sequence[Evidence], now: datetime) -> tuple[str, ...]:
    """As `alarm_lines.open_alarms`: there is no alarm that no statement raised."""
    if not any(one.claim == "alarm" for one in statements):
        return ()
    from lockgate.project import alarm_lines

    return alarm_lines.open_alarms(statements, now)


def looks_if_it_can(project: Folder, ledger: Ledger) -> Look:
    """As `ladder_facts.looks_if_it_can`, which is loaded when a model on the ladder is looked at."""

    def look(loaded: LoadStanding) -> Facts | None:
        from lockgate.project import ladder_facts

        return ladder_facts.looks_if_it_can(project, ledger)(loaded)

    return look


def kept(project: Folder, ledger: Ledger) -> tuple[Reason, ...]:
    """As `retention.reasons`: nothing is overdue or there again where nothing was ever kept, or erased."""
    state = project.home / "state"
    erased = any(one.claim == "erase" for one in ledger.statements())
    if not erased and not any(os.path.lexists(state / name) for name in _KEPT):
        return ()
    from lockgate.project import retention

    return retention.reasons(project, ledger)


def suspected(project: Admitting, ledger: Ledger) -> str:
    """As `suspected.review_line`: of clients, nobody is suspected where there is no record, and no key to name one."""
    if _nobody_asked(project, ledger):
        return ""
    from lockgate.project import suspected as looked

    return looked.review_line(project, ledger)


def _nobody_asked(project: Admitting, ledger: Ledger) -> bool:
    state = project.home / "state"
    places = (state / CLIENTS, pin.key_folder(ledger.root) / EDGE_SECRETS, *state.glob("spool/*.spool"))
    if any(os.path.lexists(place) for place in places):
        return False
    try:
        log = log_here(project, ledger)
    except (LockgateError, OSError):
        return False
    return log is None or log.size == 0


def unseen(project: Folder, ledger: Ledger) -> tuple[str, ...]:
    """As `unseen.unseen`: no model answers that was never deployed."""
    if not any(one.claim == "deploy" for one in ledger.statements()):
        return ()
    from lockgate.project import unseen as looked

    return looked.unseen(project, ledger)
