"""The event log read as evidence: open it, and every statement in it has been verified.

A ledger trusts one thing, the fingerprint of the project's first root key, which the user pinned.
It never holds a key: signing a checkpoint is a callable that the pipeline hands in, absent for readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lockgate.audit.evidence import Evidence, Leaf
from lockgate.audit.heads import pick_head
from lockgate.audit.log import Log
from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import TileReader
from lockgate.core.checkpoint import Checkpoint
from lockgate.core.digest import Digest, digest_of
from lockgate.errors import Refused, VerificationFailed
from lockgate.store.layout import RegistryStore
from lockgate.store.lock import lock
from lockgate.trust.dsse import Envelope
from lockgate.trust.roles import Roles
from lockgate.trust.verifier import Verified, verify, verify_roles

EVENTS = "events"
PREDICTIONS = "predictions"


@dataclass(frozen=True)
class Reign:
    """The roles file in force from a log index on."""

    since: int
    roles: Roles


def origin(project_id: str, log: str) -> str:
    """The C2SP origin of a project's log: `lockgate/<project id>/events` or `.../predictions`."""
    return f"lockgate/{project_id}/{log}"


class Ledger:
    """All verified statements of a project, in log order."""

    def __init__(
        self,
        home: Path,
        root: str,
        *,
        seen: SeenStore | None = None,
        seal: Callable[[Sequence[bytes]], object] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Open and verify the event log in `home` (a `.lockgate`) from the pinned root fingerprint `root`.

        1. The first entry is a roles statement signed by the key whose fingerprint is `root`; every later
           roles statement is signed by a root key of the one before, one version higher.
        2. The checkpoint is signed by the sealer of the newest roles file and not older than the last seen.
        3. The entries hash to the checkpoint's root.
        4. Each entry's statement is in the registry, byte for byte, and signed by a key that the roles file
           in force at that index allows to make this claim.

        Raises:
            VerificationFailed: anything of this does not hold.
            Refused: the folder holds no log.
        """
        self.home = home
        self.root = root
        self._registry = RegistryStore(home / "registry")
        self._seen = seen
        self._seal = seal
        self._now = now
        self._reigns: tuple[Reign, ...] = ()
        self._evidence: tuple[Evidence, ...] = ()
        self._checkpoint: Checkpoint | None = None
        self.refresh()

    @property
    def log_dir(self) -> Path:
        """Where the event log's tiles are."""
        return self.home / "log" / EVENTS

    @property
    def roles(self) -> Roles:
        """The roles file in force."""
        return self._reigns[-1].roles

    @property
    def checkpoint(self) -> Checkpoint:
        """The verified checkpoint that everything here was read under."""
        if self._checkpoint is None:
            raise Refused("LG750", "the event log was not read yet", next="lockgate log verify")
        return self._checkpoint

    def refresh(self) -> None:
        """Read and verify again what another process may have appended. Raises as the constructor."""
        unverified = _unverified_leaves(self.log_dir)
        reigns = _reigns(unverified, self._registry, self.root)
        sealer = reigns[-1].roles.sealer_key()
        log = Log.open(self.log_dir, public_key=sealer, origin=origin(self.root, EVENTS), seen=self._seen)
        verified = list(log.entries(0, log.size))
        if verified != unverified:
            # Another process appended between the two readings: the roles must come from what was verified.
            reigns = _reigns(verified, self._registry, self.root)
        leaves = [_leaf(index, data) for index, data in enumerate(verified)]
        _refuse_repeats(leaves)
        known = len(self._evidence) if _extends(self._evidence, leaves) else 0
        fresh = [self._read(index, leaf, reigns) for index, leaf in enumerate(leaves) if index >= known]
        self._reigns, self._checkpoint = reigns, log.checkpoint
        self._evidence = (*self._evidence[:known], *fresh)

    def statements(
        self, claim: str | None = None, *, subject: Digest | None = None, environment: str | None = None
    ) -> list[Evidence]:
        """The verified statements, oldest first; narrowed by claim, by subject digest, by environment."""
        return [
            evidence
            for evidence in self._evidence
            if (claim is None or evidence.claim == claim)
            and (subject is None or evidence.statement.is_about(subject))
            and (environment is None or evidence.predicate.get("environment") == environment)
        ]

    def head(self, claim: str) -> Evidence | None:
        """The statement that speaks for a stage now: its newest, or the one that a rollback named."""
        return pick_head(claim, self._evidence)

    def get(self, digest: Digest) -> Evidence:
        """The statement with this envelope digest. Raises VerificationFailed when the log has none."""
        for evidence in self._evidence:
            if evidence.digest == digest:
                return evidence
        raise VerificationFailed(
            "LG751",
            "a statement that another one rests on is not in the event log",
            seen={"statement": digest, "log_size": len(self._evidence)},
            next="lockgate log verify",
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock under which a statement's blob and its leaf are written, and blobs are swept."""
        with lock(self.home / "state" / "locks" / "statements"):
            yield

    def append(self, envelope: bytes) -> Evidence:
        """Verify `envelope`, store it write-once, seal its leaf; return it as evidence.

        The blob is written before the leaf: the sealed checkpoint is the only commit point, so a process
        killed in between leaves nothing but an unused blob, which the next writer accounts for.
        """
        if self._seal is None or self._now is None:
            raise Refused("LG752", "this ledger was opened for reading", next="lockgate status")
        with self.writing():
            verified = self._verify_next(envelope)
            digest = digest_of(envelope)
            self._registry.blobs.put(envelope)
            time = self._now().replace(microsecond=0)
            leaf = Leaf(verified.claim, digest, verified.statement.predicate_type, len(envelope), time)
            self._seal([leaf.encode()])
            self.refresh()
        return next(e for e in reversed(self._evidence) if e.digest == digest)

    def _verify_next(self, envelope: bytes) -> Verified:
        verified = verify(envelope, self.roles) if not _is_roles(envelope) else verify_roles(envelope, self.roles)
        if any(evidence.digest == verified.digest for evidence in self._evidence):
            raise Refused(
                "LG753",
                "this very statement is in the event log already",
                seen={"statement": verified.digest},
                next="lockgate log show",
            )
        return verified

    def _read(self, index: int, leaf: Leaf, reigns: Sequence[Reign]) -> Evidence:
        envelope = self._registry.blobs.read(leaf.digest)
        reign = next(reign for reign in reversed(reigns) if reign.since <= index)
        if leaf.claim == "roles":
            before = [r for r in reigns if r.since < index]
            verified = verify_roles(envelope, before[-1].roles if before else None, root=self.root)
        else:
            verified = verify(envelope, reign.roles)
        seen = (verified.claim, verified.statement.predicate_type, len(envelope))
        if seen != (leaf.claim, leaf.predicate_type, leaf.size):
            raise VerificationFailed(
                "LG754",
                f"log entry {index} describes another statement than the one it names",
                seen={"entry": index, "statement": leaf.digest, "entry_says": leaf.claim, "found": verified.claim},
                next="lockgate log verify",
            )
        return Evidence(
            index,
            leaf.digest,
            envelope,
            verified.statement,
            verified.claim,
            verified.role,
            verified.person,
            verified.keyid,
            leaf.time,
        )


def claimed_project(home: Path) -> str:
    """The project id that a `.lockgate` folder claims to be. Unverified: only to look up the pin, or to ask for one.

    Raises Refused (LG755) or VerificationFailed.
    """
    leaves = _unverified_leaves(home / "log" / EVENTS)
    if not leaves:
        raise Refused("LG755", "the event log is empty", seen={"folder": str(home)}, next="lockgate init")
    envelope = Envelope.parse(RegistryStore(home / "registry").blobs.read(_leaf(0, leaves[0]).digest))
    return Roles.from_predicate(envelope.statement().predicate).project_id


def _unverified_leaves(log_dir: Path) -> list[bytes]:
    if not (log_dir / "checkpoint").exists():
        raise Refused(
            "LG755",
            "there is no event log here",
            seen={"folder": str(log_dir)},
            next="lockgate init",
        )
    reader = TileReader(log_dir)
    return list(reader.entries(0, reader.claimed_size()))


def _reigns(leaves: Sequence[bytes], registry: RegistryStore, root: str) -> tuple[Reign, ...]:
    """Step 1: the chain of roles files from the pinned root. Reads entries that are verified only afterwards."""
    reigns: list[Reign] = []
    for index, data in enumerate(leaves):
        leaf = _leaf(index, data)
        if index == 0 and leaf.claim != "roles":
            raise VerificationFailed(
                "LG756",
                "the first entry of the event log is not the roles file",
                seen={"entry": 0, "found": leaf.claim},
                next="lockgate log verify",
            )
        if leaf.claim == "roles":
            envelope = registry.blobs.read(leaf.digest)
            verified = verify_roles(envelope, reigns[-1].roles if reigns else None, root=root)
            reigns.append(Reign(index, Roles.from_predicate(verified.statement.predicate)))
    return tuple(reigns)


def _leaf(index: int, data: bytes) -> Leaf:
    try:
        return Leaf.parse(data)
    except ValueError as error:
        raise VerificationFailed(
            "LG757",
            f"log entry {index} is not a leaf that Lockgate writes: {error}",
            seen={"entry": index, "digest": digest_of(data)},
            next="lockgate log verify",
        ) from None


def _extends(evidence: Sequence[Evidence], leaves: Sequence[Leaf]) -> bool:
    return len(evidence) <= len(leaves) and all(
        e.digest == leaf.digest for e, leaf in zip(evidence, leaves, strict=False)
    )


def _refuse_repeats(leaves: Sequence[Leaf]) -> None:
    """A statement counts once: sealed again, an old policy or approval would be the newest."""
    first: dict[Digest, int] = {}
    for index, leaf in enumerate(leaves):
        if first.setdefault(leaf.digest, index) != index:
            raise VerificationFailed(
                "LG753",
                f"log entry {index} repeats the statement of entry {first[leaf.digest]}",
                seen={"entry": index, "statement": leaf.digest},
                next="lockgate log verify",
            )


def _is_roles(envelope: bytes) -> bool:
    return Envelope.parse(envelope).statement().claim == "roles"
