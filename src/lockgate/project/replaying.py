"""A replay, as the library and the command line see it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.pipeline.replaying.spec import Replayed
    from lockgate.project import Project


def replay(
    project: Project,
    ref: str,
    *,
    environment: str,
    source: str | Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Replayed:
    """Ask the candidate that `ref` names and what is live the rows of `source`, or the candidate's held-out ones.

    A file is read as `[data]` says. Raises as `lockgate.pipeline.replaying.run.replay`.

    The project's lock is not held: it works beside `serve`, whose sealer then carries the records.
    """
    from lockgate.pipeline.replaying.run import replay as ask
    from lockgate.pipeline.replaying.spec import Wanted
    from lockgate.pipeline.scoring.spec import Form
    from lockgate.project.scoring import _settings
    from lockgate.project.serving import _sealing
    from lockgate.sandbox.levels import at_least

    place = project.unlocked(environment, say=say)
    data = _settings(project, ref, place).data
    form = Form(data.null, data.delimiter, data.encoding)
    wanted = Wanted(ref, None if source is None else Path(source).absolute(), form)
    with at_least(place.least_jail_level):
        return ask(place, wanted, sealing=_sealing(project, place.ledger.root, say), progress=progress)
