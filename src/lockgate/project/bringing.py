"""Models that were made elsewhere, as the library and the command line see them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.project.opened import Opened

if TYPE_CHECKING:
    from lockgate.core.shown_html import Listed
    from lockgate.project.importing import Imported, ImportLine
    from lockgate.register.imports.spec import Offer


class Bringing(Opened):
    """Import a model by digest and signer; list what was imported."""

    def import_model(
        self,
        folder: str | Path,
        *,
        name: str,
        key: Path | None = None,
        digest: str = "",
        confirm: Callable[[Offer], bool] | None = None,
    ) -> Imported:
        """Take the files of `folder` in as the next version of `name`, or find that they are in already.

        What is new needs a person's word: `digest`, the one that is expected, or a yes of `confirm`, which is shown
        what would come in. Raises as `lockgate.register.imports.run.run`.
        """
        from lockgate.project.importing import import_folder

        with self.workplace() as place:
            return import_folder(place, Path(folder), name, key=key, digest=digest, confirm=confirm)

    def imports(self) -> Listed[ImportLine]:
        """What was imported, oldest first."""
        from lockgate.core.shown_html import Listed
        from lockgate.project.importing import import_lines

        return Listed(import_lines(self.ledger()))
