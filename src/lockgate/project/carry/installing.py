"""From a verified staging folder to its final place: blobs first, then the log's tiles, the checkpoint last.

The checkpoint's rename is the commit point, as it is for the sealer: a pull that is killed anywhere leaves the log
that was there, and blobs that nobody names yet. The next pull goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from lockgate.audit.disk import locked
from lockgate.audit.entries import Registration
from lockgate.audit.ledger import EVENTS, Ledger, origin
from lockgate.audit.log import VKEY, Log
from lockgate.audit.seen import SeenStore
from lockgate.audit.shelf import shelf
from lockgate.audit.tiles import TileReader, tiles_of
from lockgate.core.digest import Digest, digest_of
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.project.carry.artifacts import CHECKPOINT
from lockgate.project.carry.fetching import Staged
from lockgate.project.carry.mirror import held
from lockgate.store import oci
from lockgate.store.files import atomic_write, read_regular, writing
from lockgate.store.layout import RegistryStore

_MOST = 64 << 20


def log_of(ledger: Ledger) -> Log:
    """The event log of a ledger, opened by the key of the roles in force."""
    return Log.open(
        ledger.log_dir,
        public_key=ledger.roles.sealer_key(),
        origin=origin(ledger.root, EVENTS),
        former=ledger.former_sealers,
    )


def check_extends(staged: Staged, note: bytes | None) -> None:
    """The staged log must contain the tree of `note`, where there is one. Raises VerificationFailed LG707, LG708."""
    if note is not None:
        log, ledger = log_of(staged.ledger), staged.ledger
        log.check_extends(note, ledger.roles.sealer_key(), log.checkpoint.origin, ledger.former_sealers)


def check_rests(log: Log) -> None:
    """The log in the folder is still the one that was compared. Raises Unavailable LG712."""
    if log.reader.note() != log.note:
        raise Unavailable("LG712", "the event log has grown meanwhile; nothing was changed", next="pull again")


def check_prefix(staged: Staged, ours: Log) -> None:
    """A staged log that is shorter than ours must be its beginning. Raises VerificationFailed LG708."""
    theirs = log_of(staged.ledger)
    if ours.subtree(0, theirs.size) != theirs.root:
        raise VerificationFailed(
            "LG708",
            "the log has forked: the one in the registry is not the beginning of the one here",
            seen={"size": ours.size, "size_there": theirs.size},
            next="find out which of the two is the project's; the same key has signed both",
        )


def install_models(home: Path, staged: Staged, models: Iterable[Registration]) -> None:
    """Copy what `models` consist of from the staging folder, each blob verified as it is read. Write-once."""
    registry = RegistryStore(home / "registry")
    for model in models:
        manifest = oci.parse_manifest(staged.registry.blobs.read(model.manifest, _MOST))
        files = [one.digest for one in manifest.files]
        _copy(staged, registry, [*files, manifest.config, model.signature, model.manifest])


def install_log(home: Path, staged: Staged, seen: SeenStore) -> None:
    """Make the staged log, which extends the one in `home` if there is one, that of `home`; keep it as seen.

    1. Every statement.   2. Tiles; one that is there already, below the checkpoint that stands, has these very bytes.
    3. The checkpoint, by rename.   4. The derived files of the registry.
    """
    log_dir = home / "log" / EVENTS
    statements = staged.ledger.statements()
    registry = RegistryStore(home / "registry")
    # 1.
    _copy(staged, registry, [one.digest for one in statements])
    with writing(log_dir):
        log_dir.mkdir(parents=True, exist_ok=True)
    with locked(log_dir):
        # 2.
        source = TileReader(staged.ledger.log_dir)
        paths = [tile.path for tile in tiles_of(staged.ledger.checkpoint.size)]
        if not (log_dir / VKEY).exists():
            paths.append(VKEY)
        for path in paths:
            _place(log_dir / path, source.read(path, _MOST, "LG705"))
        # 3. A sealer's new key follows its checkpoint: who is killed in between leaves what every reader can mend.
        atomic_write(log_dir / CHECKPOINT, staged.note)
        _place(log_dir / VKEY, source.read(VKEY, _MOST, "LG704"))
    seen.advance(staged.note)
    # 4.
    publish(home, staged)


def publish(home: Path, staged: Staged) -> None:
    """Make the registry's derived files fit the log and what is held here."""
    RegistryStore(home / "registry").publish(held(home, shelf(staged.ledger.statements())))


def _copy(staged: Staged, registry: RegistryStore, digests: Sequence[Digest]) -> None:
    for digest in digests:
        if registry.blobs.has(digest):
            registry.blobs.check(digest)
            continue
        with open(staged.registry.blobs.open(digest), "rb") as source:
            written = registry.blobs.put(source)
        if written != digest:
            registry.blobs.remove(written)
            raise VerificationFailed(
                "LG802",
                "a file was changed in the staging folder while it was read",
                seen={"expected": digest, "seen": written},
                next="find out who else writes into .lockgate/state; then pull again",
            )


def _place(path: Path, data: bytes) -> None:
    """A tile. What an interrupted write left in its place is replaced: what is committed has the same bytes."""
    try:
        if digest_of(read_regular(path, _MOST)) == digest_of(data):
            return
    except FileNotFoundError:
        pass
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, data)
