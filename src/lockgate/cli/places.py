"""Where a file is, as others name it."""

from __future__ import annotations

from pathlib import Path


def in_repository(path: Path) -> str:
    """A file of a project as a code host names it: from the top of the git repository that it is in."""
    here = path.parent.resolve()
    top = next((each for each in (here, *here.parents) if (each / ".git").exists()), here)
    return (here / path.name).relative_to(top).as_posix()
