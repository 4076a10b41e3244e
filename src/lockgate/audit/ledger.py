"""The event log read as evidence: open it, and every statement in it has been verified.

A ledger trusts one thing, the fingerprint of the project's first root key, which the user pinned.
It never holds a key: signing a checkpoint is a callable that the pipeline hands in, absent for readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from lockgate.audit import reigns
from lockgate.audit.evidence import PENDING, Evidence, Leaf
from lockgate.audit.heads import pick_head
from lockgate.audit.log import Log
from lockgate.audit.models import OWN
from lockgate.audit.reigns import Reign
from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import TileReader
from lockgate.core.checkpoint import Checkpoint
from lockgate.core.digest import Digest
from lockgate.errors import Refused, VerificationFailed
from lockgate.store.layout import RegistryStore
from lockgate.store.lock import lock
from lockgate.trust.authority import claim_of
from lockgate.trust.dsse import Envelope
from lockgate.trust.roles import Roles
from lockgate.trust.verifier import Verified, verify, verify_roles

EVENTS = "events"
PREDICTIONS = "predictions"


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
        hand_over: Callable[[Sequence[bytes], bytes], object] | None = None,
        can_seal: Callable[[bytes], object] | None = None,
        now: Callable[[], datetime] | None = None,
        registry: RegistryStore | None = None,
    ) -> None:
        """Open and verify the event log in `home` (a `.lockgate`) from the pinned root fingerprint `root`.

        1. The first entry is a roles statement signed by the key whose fingerprint is `root`; every later
           roles statement is signed by a root key of the one before, one version higher.
        2. The checkpoint is signed by the sealer of the newest roles file and not older than the last seen.
        3. The entries hash to the checkpoint's root.
        4. Each entry's statement is in the registry, byte for byte, and signed by a key that the roles file
           in force at that index allows to make this claim.
        5. No key says the same twice, in whatever spelling of its signature.

        `seal` appends leaves; `hand_over` appends leaves with which the sealer's key becomes the one given; `can_seal`
        raises when that key is not at hand, before anything is written. `registry`: where the statements' bytes are,
        for a reader who does not see that of `home`.

        Raises:
            VerificationFailed: anything of this does not hold.
            Refused: the folder holds no log.
        """
        self.home = home
        self.root = root
        self._registry = registry or RegistryStore(home / "registry")
        self._seen = seen
        self._seal = seal
        self._hand_over = hand_over
        self._can_seal = can_seal
        self._now = now
        self._reigns: tuple[Reign, ...] = ()
        self._evidence: tuple[Evidence, ...] = ()
        self._said: dict[tuple[Digest | None, str], int] = {}
        self._checkpoint: Checkpoint | None = None
        self._note = b""
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
    def reigns(self) -> tuple[Reign, ...]:
        """Every roles file that ever was in force, oldest first."""
        return self._reigns

    @property
    def former_sealers(self) -> tuple[bytes, ...]:
        """The keys that sealed the logs before the one in force: a checkpoint last seen may be signed by one."""
        return reigns.sealers(self._reigns)[:-1]

    def roles_at(self, index: int) -> Roles:
        """The roles file that was in force for the entry at `index`."""
        return reigns.roles_at(index, self._reigns)

    @property
    def checkpoint(self) -> Checkpoint:
        """The verified checkpoint that everything here was read under."""
        if self._checkpoint is None:
            raise Refused("LG750", "the event log was not read yet", next="lockgate log verify")
        return self._checkpoint

    @property
    def note(self) -> bytes:
        """The bytes of the checkpoint that everything here was read under, with whatever signatures lie beside it."""
        return self._note

    def refresh(self) -> None:
        """Read and verify again what another process may have appended. Raises as the constructor."""
        unverified = _unverified_leaves(self.log_dir)
        found = reigns.reigns_of(unverified, self._registry, self.root)
        former, sealer = reigns.sealers(found)[:-1], found[-1].roles.sealer_key()
        log = Log.open(
            self.log_dir, public_key=sealer, origin=origin(self.root, EVENTS), seen=self._seen, former=former
        )
        verified = list(log.entries(0, log.size))
        if verified != unverified:
            # Another process appended between the two readings: the roles must come from what was verified.
            found = reigns.reigns_of(verified, self._registry, self.root)
        leaves = [reigns.leaf_at(index, data) for index, data in enumerate(verified)]
        _refuse_repeats(leaves)
        known = len(self._evidence) if _extends(self._evidence, leaves) else 0
        fresh = [self._read(index, leaf, found) for index, leaf in enumerate(leaves) if index >= known]
        evidence = (*self._evidence[:known], *fresh)
        self._said = _said(evidence)
        self._reigns, self._checkpoint, self._note, self._evidence = found, log.checkpoint, log.note, evidence

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

    def head(self, claim: str, model: str = OWN) -> Evidence | None:
        """The statement that speaks for a model's stage now: its newest, or the one that a rollback named."""
        return pick_head(claim, self._evidence, model)

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

        1. It is signed by keys that may say it under the roles file in force, by as many persons as that asks for.
        2. No key has said this in this log before.
        3. The roles file has not expired.
        4. With it at its end, the log is still one that everybody can read (`audit.admission`).

        The blob is written before the leaf: the sealed checkpoint is the only commit point, so a process
        killed in between leaves nothing but an unused blob, which the next writer accounts for.

        Raises VerificationFailed (1); Refused LG752, LG753 (2), LG824 (3), LG864 (4); what sealing raises.
        """
        from lockgate.audit import admission

        if self._seal is None or self._now is None:
            raise Refused("LG752", "this ledger was opened for reading", next="lockgate status")
        with self.writing():
            if self._is_behind():
                self.refresh()
            # 1.
            new = self._as_evidence(envelope, len(self._evidence), complete=True)
            # 2.
            admission.check_replay(new, self._said)
            # 3.
            admission.check_fresh(new, self.roles, new.time, self._evidence)
            # 4.
            admission.check_admissible(new, self._evidence)
            sealer = self._sealer_of(new)
            self._registry.blobs.put(envelope)
            self._seal_leaf(new, sealer)
            self.refresh()
        return self._evidence[new.index]

    def foresee(self, envelope: bytes) -> Evidence:
        """`envelope` as the evidence that it would be, sealed elsewhere: its index is PENDING. Others may still sign.

        Raises VerificationFailed as `append`, apart from the thresholds; Refused LG752, LG753.
        """
        from lockgate.audit import admission

        new = self._as_evidence(envelope, PENDING, complete=False)
        admission.check_replay(new, self._said)
        return new

    def _is_behind(self) -> bool:
        """Whether another process has appended since this one read the log."""
        return TileReader(self.log_dir).note() != self._note

    def _as_evidence(self, envelope: bytes, index: int, *, complete: bool) -> Evidence:
        if self._now is None:
            raise Refused("LG752", "this ledger was opened for reading", next="lockgate status")
        if is_roles(envelope):
            verified = verify_roles(envelope, self.roles, complete=complete, new=True)
        else:
            verified = verify(envelope, self.roles, complete=complete)
        return _evidence(index, envelope, verified, self._now().replace(microsecond=0))

    def _sealer_of(self, new: Evidence) -> bytes:
        """The sealer's key that the log is signed by with `new` in it: that of a roles file which it brings."""
        roles = Roles.from_predicate(new.predicate) if new.claim == "roles" else self.roles
        sealer = roles.sealer_key()
        if self._can_seal is not None:
            self._can_seal(sealer)
        if sealer != self.roles.sealer_key() and self._hand_over is None:
            raise Refused(
                "LG752",
                "this process cannot hand the log over to another sealer's key",
                seen={"statement": new.digest},
                next="lockgate log add FILE",
            )
        return sealer

    def _seal_leaf(self, new: Evidence, sealer: bytes) -> None:
        leaf = Leaf(new.claim, new.digest, new.statement.predicate_type, len(new.envelope), new.time).encode()
        if sealer != self.roles.sealer_key() and self._hand_over is not None:
            self._hand_over([leaf], sealer)
        elif self._seal is not None:
            self._seal([leaf])

    def _read(self, index: int, leaf: Leaf, found: Sequence[Reign]) -> Evidence:
        with reigns.telling(index, leaf):
            envelope = self._registry.blobs.read(leaf.digest)
            if leaf.claim == "roles":
                before = [reign for reign in found if reign.since < index]
                verified = verify_roles(envelope, before[-1].roles if before else None, root=self.root)
            else:
                verified = verify(envelope, reigns.roles_at(index, found))
            seen = (verified.claim, verified.statement.predicate_type, len(envelope))
            if seen != (leaf.claim, leaf.predicate_type, leaf.size):
                raise VerificationFailed(
                    "LG754",
                    f"log entry {index} describes another statement than the one it names",
                    seen={"entry": index, "statement": leaf.digest, "entry_says": leaf.claim, "found": verified.claim},
                    next="lockgate log verify",
                )
        return _evidence(index, envelope, verified, leaf.time)


def claimed_project(home: Path) -> str:
    """The project id that a `.lockgate` folder claims to be. Unverified: only to look up the pin, or to ask for one.

    Raises Refused (LG755) or VerificationFailed.
    """
    leaves = _unverified_leaves(home / "log" / EVENTS)
    if not leaves:
        raise Refused("LG755", "the event log is empty", seen={"folder": str(home)}, next="lockgate init")
    envelope = Envelope.parse(RegistryStore(home / "registry").blobs.read(reigns.leaf_at(0, leaves[0]).digest))
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


def is_roles(envelope: bytes) -> bool:
    """Whether an envelope holds a roles file. Raises VerificationFailed LG810, LG811, LG815, LG816."""
    return claim_of(Envelope.parse(envelope).statement()) == "roles"


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


def _said(evidences: Sequence[Evidence]) -> dict[tuple[Digest | None, str], int]:
    """Who said what, and where. Raises VerificationFailed LG753: sealed again, an old policy would be the newest.

    Compared is what was signed: an envelope has another digest when a signature is written in another way.
    """
    said: dict[tuple[Digest | None, str], int] = {}
    for one in evidences:
        for keyid in one.keyids:
            if said.setdefault((one.payload, keyid), one.index) != one.index:
                raise VerificationFailed(
                    "LG753",
                    f"log entry {one.index} repeats the statement of entry {said[one.payload, keyid]}",
                    seen={"entry": one.index, "statement": one.digest, "keyid": keyid},
                    next="lockgate log verify",
                )
    return said


def _evidence(index: int, envelope: bytes, verified: Verified, time: datetime) -> Evidence:
    return Evidence(
        index,
        verified.digest,
        envelope,
        verified.statement,
        verified.claim,
        verified.role,
        verified.person,
        verified.keyid,
        time,
        verified.persons,
        verified.keyids,
        verified.payload,
    )
