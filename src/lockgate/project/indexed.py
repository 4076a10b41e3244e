"""The index of a folder's predictions: where it lies, and what asks it.

Its segments lie in `.lockgate/state`, what they must be beside the checkpoint last seen, in the user's own folder: who
can write `.lockgate`, and not that, can make a question slow and no answer false.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lockgate.audit.index.lookup import Lookup
from lockgate.audit.index.store import Index, Place
from lockgate.audit.ledger import PREDICTIONS
from lockgate.project.prediction_log import prediction_log

if TYPE_CHECKING:
    from lockgate.audit.index.store import Progress
    from lockgate.audit.ledger import Ledger
    from lockgate.audit.log import Log
    from lockgate.project.folder import Folder


def place_here(project: Folder, ledger: Ledger) -> Place:
    """Where the index of the predictions lies: all in the user's own folder where the project is somebody else's."""
    seen = prediction_log(project, ledger).seen.path
    state = project.home / "state"
    mine = os.access(state, os.R_OK | os.W_OK | os.X_OK)
    folder = state / "index" / PREDICTIONS if mine else seen.with_name(f"{seen.name}.segments")
    return Place(folder, seen.with_name(f"{seen.name}.index"))


def index_here(
    project: Folder, ledger: Ledger, log: Log, *, fresh: bool = False, progress: Progress | None = None
) -> Index:
    """The index of `log`, with what it lacks made now. Raises VerificationFailed as reading the log does."""
    return Index(place_here(project, ledger), log, fresh=fresh, progress=progress)


def lookup_here(project: Folder, ledger: Ledger, log: Log) -> Lookup:
    """What finds a receipt's record in `log`. Raises as `index_here`."""
    return Lookup(index_here(project, ledger, log))
