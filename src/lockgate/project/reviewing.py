"""Looking at doubtful rows and marking them, as the library and the command line see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.project.folder import DEV
from lockgate.project.opened import Opened

if TYPE_CHECKING:
    from lockgate.audit.marks import Word
    from lockgate.project.marking import Marked
    from lockgate.project.review_page import Review


class Reviewing(Opened):
    """What the newest validate statement leaves to a person. Of a project with several models, `one` gives which."""

    def review(self, *, screen: bool = False, finding: str = "", limit: int = 20, environment: str = DEV) -> Review:
        """Rows that the contract refused and rows that the screen flags, the most doubtful first; signs nothing.

        `screen`: what the screen flags alone; `finding`: what this one of it does; `limit`: rows shown of each.

        Raises Refused LG242 where nothing was validated; Usage LG246, LG248; LG973 which of several models.
        """
        from lockgate.project.review_page import review

        self.config.only()
        with self.workplace(environment) as place:
            return review(place, screen=screen, finding=finding, limit=limit)

    def mark(
        self,
        rows: Sequence[str],
        word: Word,
        *,
        reason: str,
        finding: str = "",
        again: str = "",
        show: Callable[[str], None] = lambda _: None,
        to_file: Path | None = None,
    ) -> Marked:
        """Sign, as approver, that rows are good or bad: `FILE:12,15-20`, or `12,15-20` where there is one file.

        Or all that `finding` flags and of which nobody has said anything; or those of an earlier mark, by its place in
        the log (`again`). `show` gets what is signed, before it is.

        Raises Usage LG244 to LG248, LG533 no reason; LG973 which of several models.
        """
        from lockgate.project.marking import Wanted, sign_mark

        self.config.only()
        with self.workplace(to_file=to_file) as place:
            return sign_mark(
                place, Wanted(tuple(rows), finding, again), word, reason=reason, show=show, to_file=to_file
            )

    def asked_of_rows(self, rows: Sequence[str], word: Word, *, finding: str = "", again: str = "") -> tuple[str, ...]:
        """What `mark` would sign, a line each. Signs nothing. Raises as `mark`."""
        from lockgate.project.marking import Wanted, asked_lines

        self.config.only()
        with self.workplace() as place:
            return asked_lines(place, Wanted(tuple(rows), finding, again), word)
