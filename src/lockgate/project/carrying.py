"""A model that travels: to a registry and back, into a plain folder, and in from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.project.opened import Opened

if TYPE_CHECKING:
    from lockgate.project.carry.pulling import Pulled
    from lockgate.project.carry.pushing import Pushed
    from lockgate.project.carry.remote import Progress
    from lockgate.project.evidence.exporting import Exported
    from lockgate.project.papers import Paper


def _silent(_what: str, _done: int, _all: int) -> None:
    return


class Carrying(Opened):
    """Push, pull, import."""

    def push(self, ref: str, remote: str, *, check: bool = True, progress: Progress = _silent) -> Pushed:
        """Carry a model with all its evidence to a repository of a registry. See `carry.pushing.push`."""
        from lockgate.project.carry.pushing import push

        return push(self, ref, remote, check=check, progress=progress)

    def pull(self, remote: str, *, name: str = "", progress: Progress = _silent) -> Pulled:
        """Merge what a repository holds into this project, or into this mirror. See `carry.pulling`."""
        from lockgate.project.carry import mirror, pulling

        asked = pulling.Asked.of(remote, self.trusted_root(), self.now, name=name, progress=progress)
        if mirror.read_mirror(self.home) is not None:
            return pulling.pull_to_mirror(asked, self.root)
        return pulling.pull_to_project(self, asked)

    def bill(self, ref: str = "latest") -> Paper:
        """A registered model's bill of materials, CycloneDX 1.6; the model's files are verified first."""
        from lockgate.project.papers import bill
        from lockgate.store.layout import RegistryStore

        return bill(self.resolve(ref), self.ledger(), RegistryStore(self.home / "registry"))

    def card(self, ref: str = "latest") -> Paper:
        """A registered model's card, as it was signed; the model's files are verified first."""
        from lockgate.project.papers import card_of
        from lockgate.store.layout import RegistryStore

        return card_of(self.resolve(ref), self.ledger(), RegistryStore(self.home / "registry"))

    def evidence(
        self,
        ref: str = "latest",
        *,
        out: str | Path = "",
        records: int = 20,
        with_model: bool = False,
        root: str = "",
        say: Callable[[str], None] = lambda _: None,
    ) -> Exported:
        """Write one archive about a model for an outsider, verified first; see `project.evidence.exporting.export`.

        `out`: a new file, by default `NAME-VERSION.evidence.zip` here; `records`: of predictions, at most.
        """
        from lockgate.project.evidence.exporting import Asked, export

        return export(self, ref, Asked(str(out), records, with_model, root), say)

    def pull_plain(self, ref: str, folder: Path) -> Pulled:
        """Write a registered model as a plain folder with a predict.py that needs no Lockgate; verified first."""
        from lockgate.project.carry.pulling import write_plain

        return write_plain(self, ref, folder)
