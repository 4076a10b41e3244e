"""How the threats of a project stand: gathered, judged, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockgate.project.threats.catalogue import check_ids, shipped
from lockgate.project.threats.gather import gather
from lockgate.project.threats.page import ThreatsPage
from lockgate.threats.rules import judge

if TYPE_CHECKING:
    from lockgate.core.digest import Digest
    from lockgate.project.folder import Folder


def look(project: Folder, ids: Sequence[str], *, environment: str, program: Digest, root: str = "") -> ThreatsPage:
    """The page. Raises Usage (LG9010, LG9011) and as `gather`."""
    from importlib.metadata import version

    only, catalogue = check_ids(ids), shipped()
    facts = gather(project, environment, program, root=root)
    trusted = project.trusted_root(root)
    name = project.config.name
    return ThreatsPage(name, trusted, version("lockgate"), facts, judge(catalogue, facts, only), catalogue)
