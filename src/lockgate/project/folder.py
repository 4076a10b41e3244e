"""A project's folder: where it is, which root it is trusted by, what its evidence is. Nothing is held open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lockgate.audit.ledger import EVENTS, Ledger, claimed_project
from lockgate.audit.seen import SeenStore
from lockgate.errors import Refused, VerificationFailed
from lockgate.project.claims import was_begun
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from lockgate.config import Config
    from lockgate.trust.policy import Policy

DEV = "dev"


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, repr=False)
class Folder:
    """A folder with a lockgate.toml. Each method opens, verifies, does, and closes.

    Attributes:
        now: the clock; tests hand in a frozen one.
        model: which of several models is at work (`[model.NAME]`); empty: none was chosen, or there is one.
        seen_folder: where the last checkpoints seen are kept; a copy that is to be tampered with has its own, so
            that what it writes does not make the original look rolled back.
    """

    root: Path
    now: Callable[[], datetime] = now
    seen_folder: Path | None = None
    model: str = ""

    def __repr__(self) -> str:
        """Where it is, and which model is at work: the first thing that a notebook shows. Reads nothing."""
        return f"{type(self).__name__}({str(self.root)!r}{f', model={self.model!r}' if self.model else ''})"

    @property
    def home(self) -> Path:
        """The evidence: `.lockgate`."""
        return self.root / ".lockgate"

    @cached_property
    def config(self) -> Config:
        """`lockgate.toml`, read once: what it says of `model`, where one was chosen. Raises Usage (LG942, LG972)."""
        # What only verifies reads no settings, and need not load what understands them all.
        from lockgate.config import load_config

        config = load_config(self.root)
        return config.of(self.model) if self.model else config

    def each(self, model: str = "") -> tuple[Self, ...]:
        """This project at work on each of its models, in the file's order; or on `model` alone.

        Raises Usage (LG942); LG972 for a model that it has not.
        """
        names = [model] if model else list(self.config.models)
        found = tuple(replace(self, model=name) for name in names) or (self,)
        for one in found:
            one.config.only()
        return found

    def one(self, model: str = "") -> Self:
        """This project at work on one model. Raises as `each`; Usage LG973 where there are several and none is said."""
        found = self.each(model)
        if len(found) > 1:
            self.config.only()
        return found[0]

    def trusted_root(self, root: str = "") -> str:
        """The root fingerprint to verify under: `root`, else the one this user pinned for what is here.

        Raises:
            Refused: LG946 there is no evidence; LG825 its root is not pinned.
            VerificationFailed: LG701 there was evidence here, and it is gone; LG826 this folder held another project;
                LG828 `root` is not its root.
        """
        if not (self.home / "log" / EVENTS / "checkpoint").is_file():
            known, left = pins.project_at(self.root), self.home.exists() and was_begun(self.home)
            if known or left:
                raise VerificationFailed(
                    "LG701",
                    "the event log of this project is gone",
                    seen={"folder": str(self.home), "project": known},
                    next="lockgate log verify --repair" if left else "restore .lockgate from where you trust it",
                )
            raise Refused(
                "LG946", "this project has no evidence yet", seen={"folder": str(self.home)}, next="lockgate init"
            )
        claimed = claimed_project(self.home)
        if root:
            wanted = pins.check_project_id(root.removeprefix("sha256:"))
            if wanted != claimed:
                raise VerificationFailed(
                    "LG828",
                    "this project's root is another one",
                    seen={"expected": wanted, "seen": claimed},
                    next="ask the project's owner for the fingerprint and the folder",
                )
            return wanted
        pins.check_place(self.root, claimed)
        if pins.pinned(claimed) is None:
            raise Refused(
                "LG825",
                "nobody has told this user account to trust this project's root, so nothing can be verified",
                seen={"root": f"sha256:{claimed}"},
                next=f"lockgate trust pin {claimed}   # after asking its owner for the fingerprint, another way",
            )
        return claimed

    def ledger(self, root: str = "") -> Ledger:
        """The event log, verified, for reading."""
        trusted = self.trusted_root(root)
        return Ledger(self.home, trusted, seen=self.seen(trusted, EVENTS))

    def policy(self, ledger: Ledger) -> Policy:
        """The policy in force: the newest signed one."""
        head = ledger.head("policy")
        if head is None:
            raise VerificationFailed("LG524", "no policy was ever signed in this project", next="lockgate policy sign")
        from lockgate.trust.policy import Policy

        return Policy.from_predicate(head.predicate)

    def seen(self, trusted: str, log: str) -> SeenStore:
        """The last checkpoint seen of one of the logs."""
        return SeenStore((self.seen_folder or pins.seen_folder(trusted)) / log)
