"""What a person does between two trainings: compare models, clean away what nothing needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lockgate.project.folder import DEV
from lockgate.project.opened import Opened

if TYPE_CHECKING:
    from lockgate.project.collecting.spec import Asked, Collected
    from lockgate.project.differing.spec import Difference


class Upkeep(Opened):
    """Both verify what they read first."""

    def diff(self, one: str = "", other: str = "latest", *, environment: str = DEV) -> Difference:
        """What became another from the model `one` to the model `other`. Raises as `project.differing.differ`."""
        from lockgate.project.differing import differ

        return differ(self, one, other, environment)

    def collect(self, asked: Asked | None = None, say: Callable[[str], None] = lambda _: None) -> Collected:
        """Clean away what nothing needs; never evidence. Raises as `project.collecting.collect`."""
        from lockgate.project.collecting import collect
        from lockgate.project.collecting.spec import Asked

        return collect(self, asked or Asked(), say)
