"""What a project does about drafts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lockgate.project.folder import DEV
from lockgate.project.opened import Opened

if TYPE_CHECKING:
    from lockgate.pipeline import Observer, RunResult
    from lockgate.project import Project
    from lockgate.project.drafts.record import Draft
    from lockgate.project.drafts.table import Drafts


class Drafting(Opened):
    """Try a training before it becomes a run; nothing here is signed but rows."""

    def draft(
        self,
        estimator: object = None,
        *,
        params: Mapping[str, Any] | None = None,
        environment: str = DEV,
        observer: Observer | None = None,
    ) -> Draft:
        """Train on part of the training rows, in the jail, and judge on the others; see `drafts.making.make`.

        estimator: an unfitted scikit-learn estimator of a notebook; without it the project's own code is tried.
        params: over those of lockgate.toml; of an estimator those of its `set_params`, and no others.
        Raises Refused with what the training ended with, and as `drafts.making.make`; Usage LG3106, LG3107.
        """
        from lockgate.errors import Refused
        from lockgate.pipeline.telling import default_observer
        from lockgate.project.drafts import estimators, making

        given, label = dict(params or {}), self.config.only().data.label
        found = making.make(
            cast("Project", self),
            [given],
            environment=environment,
            observer=observer or default_observer(),
            notebook=None if estimator is None else estimators.of(estimator, label, given),
        )
        draft = found[0]
        if draft.finding is not None:
            told = draft.finding
            raise Refused(told["finding"], told["message"], seen={"draft": draft.number}, next=told["next"])
        return draft

    def try_drafts(
        self,
        asked: Sequence[Mapping[str, Any]],
        *,
        environment: str = DEV,
        observer: Observer | None = None,
        each: Callable[[Draft], None] = lambda _: None,
    ) -> Drafts:
        """A draft of each of `asked`, parameters over those of lockgate.toml; `each` hears of it as it ends."""
        from lockgate.pipeline.telling import default_observer
        from lockgate.project.drafts import making

        return making.make(
            cast("Project", self),
            asked,
            environment=environment,
            observer=observer or default_observer(),
            each=each,
        )

    def drafts(self) -> Drafts:
        """The drafts of this model that are there, by number. Damaged and unfinished ones are left out."""
        from lockgate.project.drafts import store
        from lockgate.project.drafts.table import Drafts

        found, name = store.list_drafts(self.home), self.config.only().name
        return Drafts(one.draft for one in found if one.draft is not None and one.draft.model == name)

    def promote(self, number: int, *, environment: str = DEV, observer: Observer | None = None) -> RunResult:
        """Write a draft's parameters into lockgate.toml, and run. Raises as `drafts.promoting.promote`."""
        from lockgate.pipeline.telling import default_observer
        from lockgate.project.drafts.promoting import promote

        return promote(cast("Project", self), number, environment=environment, observer=observer or default_observer())

    def take_draft(self, number: int, folder: Path) -> tuple[str, ...]:
        """Write a draft's code, and what it left, into a new folder. Raises as `drafts.promoting.take`."""
        from lockgate.project.drafts.promoting import take

        return take(cast("Project", self), number, folder)
