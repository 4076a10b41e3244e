"""`lockgate pull`: which model is meant, from the verified log; into a project, a mirror, or nowhere but a folder.

1. The address names a repository, the caller a root.   2. The event log is fetched whole and verified under the root.
3. The tag or the digest is a manifest that this log registers, and nothing revokes.   4. The model's files are
fetched by digest and verified.   5. Only then anything gets its final name.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit import deployments
from lockgate.audit.entries import Registration, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.ledger import EVENTS, Ledger, claimed_project
from lockgate.audit.load import refuse_revoked
from lockgate.audit.origins import inputs_of, registration_of
from lockgate.audit.seen import SeenStore
from lockgate.audit.stored import check_stored
from lockgate.audit.tiles import TileReader
from lockgate.core.digest import Digest, digest_of
from lockgate.core.shown_html import Shown
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.project.carry import installing, mirror, plain
from lockgate.project.carry.fetching import Staged, fetch_beside, fetch_log, fetch_model, log_artifact
from lockgate.project.carry.mirror import Mirror
from lockgate.project.carry.remote import Progress, connect, nobody_watches, tagged
from lockgate.project.settling import whole
from lockgate.store.blobs import BlobStore
from lockgate.store.layout import RegistryStore
from lockgate.store.lock import lock
from lockgate.store.remote import reference as references
from lockgate.store.remote.reference import Reference
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from lockgate.project.folder import Folder
    from lockgate.store.remote.client import Registry


@dataclass(frozen=True, repr=False)
class Pulled(Shown):
    """What was pulled. `folder`: the project, the mirror, or the plain folder; `entries`: of the event log."""

    ref: str
    manifest: Digest
    root: str
    folder: Path
    kind: str
    entries: int
    files: tuple[str, ...] = ()

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "ref": self.ref,
            "manifest": self.manifest,
            "root": f"sha256:{self.root}",
            "folder": str(self.folder),
            "kind": self.kind,
            "log_entries": self.entries,
            "files": list(self.files),
        }


@dataclass(frozen=True)
class Asked:
    """What to pull, and under which root.

    `environment`: with neither tag nor digest, what is live there. `name`: of the model, where it is not to be the
    last part of the repository.
    """

    reference: Reference
    root: str
    now: Callable[[], datetime]
    progress: Progress = nobody_watches
    environment: str = ""
    name: str = ""

    @staticmethod
    def of(remote: str, root: str, now: Callable[[], datetime], **more: Any) -> Asked:
        """Read an address and a fingerprint. Raises Usage LG881, LG829."""
        return Asked(references.parse(remote), pins.check_project_id(root.removeprefix("sha256:")), now, **more)


def mirror_folder(asked: Asked) -> Path:
    """Where a mirror is by default: `$XDG_DATA_HOME/lockgate/served/<12 digits of the root>/<repository>`."""
    data = os.environ.get("XDG_DATA_HOME", "")
    base = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return base / "lockgate" / "served" / asked.root[:12] / asked.reference.repository


def pull_to_mirror(asked: Asked, folder: Path | None = None) -> Pulled:
    """Into a mirror, which is made, and whose root is pinned for this user: `asked.root` is the person's own word.

    Raises Refused LG947 when the folder is a project; else as the steps above.
    """
    place = (folder or mirror_folder(asked)).resolve()
    home = place / ".lockgate"
    _check_mirror_place(place, asked.root)
    with closing(connect(asked.reference)) as remote, locked_home(home):
        staged = stage_log(asked, remote, home, manifest=log_artifact(remote, asked.reference.name))
        try:
            target = find_target(kept(asked, home), remote, staged.ledger.statements())
            refuse_revoked(target, staged.ledger.statements())
            fetch_model(remote, staged, target, known=known_blobs(home), progress=asked.progress)
        except LockgateError:
            # The log has verified: what it revokes must not be served from here again, whatever else went wrong.
            _remember(asked, staged, place)
            raise
        beside = fetch_beside(remote, staged, asked.environment, target, known=known_blobs(home))
        keep(asked, staged, place, [target, *beside])
    pins.pin(asked.root, place, asked.now())
    return _pulled(target, asked, place, "mirror", staged.ledger)


def pull_to_project(project: Folder, asked: Asked) -> Pulled:
    """Merge into a project of the same root: its log, or the beginning of its log, or what extends it.

    A project holds every model that its log registers: where the log grows, the others are fetched as well.
    Raises VerificationFailed LG708 for a fork; LG893 when a registered model is not in the repository.
    """
    home, root = project.home, project.trusted_root(asked.root)
    seen = project.seen(root, EVENTS)
    with closing(connect(asked.reference)) as remote, locked_home(home):
        # Without what was last seen: a folder that is behind it is what a pull is there to mend.
        ours = whole(home, root, lambda: Ledger(home, root))
        log = installing.log_of(ours)
        manifest = log_artifact(remote, asked.reference.name)
        staged = stage_log(asked, remote, home, manifest=manifest, compare=False)
        grows = staged.ledger.checkpoint.size > log.size
        if grows:
            installing.check_extends(staged, log.note)
            installing.check_extends(staged, seen.load())
        else:
            installing.check_prefix(staged, log)
        statements = (staged.ledger if grows else ours).statements()
        target = find_target(asked, remote, statements)
        refuse_revoked(target, statements)
        wanted = _missing(home, statements) if grows else [target]
        for one in {each.manifest: each for each in [target, *wanted]}.values():
            fetch_model(remote, staged, one, known=known_blobs(home), progress=asked.progress)
        with ours.writing():
            installing.check_rests(log)
            installing.install_models(home, staged, [target, *wanted])
            if grows:
                installing.install_log(home, staged, seen)
        _forget(home)
    return _pulled(target, asked, project.root, "project", staged.ledger if grows else ours)


def pull_to_folder(asked: Asked, folder: Path) -> Pulled:
    """Into a plain folder; what is verified on the way is thrown away, but for the checkpoint that was seen."""
    with closing(connect(asked.reference)) as remote, tempfile.TemporaryDirectory(prefix="lockgate-pull-") as name:
        staged = stage_log(asked, remote, Path(name), manifest=log_artifact(remote, asked.reference.name))
        target = find_target(asked, remote, staged.ledger.statements())
        refuse_revoked(target, staged.ledger.statements())
        fetch_model(remote, staged, target, progress=asked.progress)
        files = plain.write(target, staged.ledger, staged.registry, folder)
        own_seen(asked.root).advance(staged.note)
    return replace(_pulled(target, asked, folder, "folder", staged.ledger), files=files)


def write_plain(project: Folder, ref: str, folder: Path) -> Pulled:
    """A plain folder from a project or a mirror: what `ref` names, verified as `verify` does, and not revoked."""
    from lockgate.audit.refs import resolve

    ledger = project.ledger()
    target = resolve(ref, ledger.statements(), "dev")
    mirror.refuse_absent(project.home, target.ref, target.manifest)
    inputs_of(target, ledger.statements())
    registry = RegistryStore(project.home / "registry")
    check_stored(target, registry, ledger.roles_at(target.evidence.index))
    refuse_revoked(target, ledger.statements())
    files = plain.write(target, ledger, registry, folder, sample=project.root / plain.SAMPLE)
    return Pulled(target.ref, target.manifest, ledger.root, folder, "folder", ledger.checkpoint.size, files)


def stage_log(asked: Asked, remote: Registry, home: Path, *, manifest: bytes, compare: bool = True) -> Staged:
    """Steps 1 and 2, into `<home>/state/carry`. `compare`: it extends the log that this user saw last, and ours."""
    staged = fetch_log(
        remote,
        manifest,
        home / "state" / "carry",
        asked.root,
        name=asked.reference.name,
        known=known_blobs(home),
        seen=own_seen(asked.root) if compare else None,
        progress=asked.progress,
    )
    if compare and (home / "log" / EVENTS / "checkpoint").exists():
        installing.check_extends(staged, TileReader(home / "log" / EVENTS).note())
    return staged


def find_target(asked: Asked, remote: Registry, statements: Sequence[Evidence]) -> Registration:
    """Step 3: the registration of what the address names.

    By digest: that manifest. By tag: the manifest that the tag names just now, if it is of that version. By neither:
    what is live in `environment`, or the newest registered model that is tagged there and not revoked. In each case
    it bears the name that was asked for (`asked_name`).

    Raises Refused LG897 when the log registers no such model, or another version; LG845 a model of another name; LG520
    nothing is live; Unavailable LG883 no such tag.
    """
    registered = registrations(statements)
    name = asked_name(asked, registered)
    found = _find(asked, remote, statements, name)
    if name and found.name != name:
        raise _another(asked, found, name)
    return found


def asked_name(asked: Asked, known: Sequence[Registration]) -> str:
    """The model that is meant, "" where any will do: the log registers one only, or a digest says which.

    A tag is whoever's who can move it, and `v1` is a version of every model. Raises Refused LG845 when neither the
    repository nor the person says which of several models is meant.
    """
    names = {one.name for one in known}
    last = asked.reference.repository.rpartition("/")[2]
    if asked.name or len(names) < 2 or asked.reference.digest is not None:
        return asked.name
    if last in names:
        return last
    raise Refused(
        "LG845",
        f"this project has {len(names)} models, and {asked.reference.name} is called like none of them",
        seen={"repository": asked.reference.name, "models": sorted(names)[:20]},
        next="say which one is meant: --name NAME",
    )


def kept(asked: Asked, home: Path) -> Asked:
    """`asked`, of the model that the mirror in `home` was made for. Raises Refused LG845 for another name."""
    before = mirror.read_mirror(home)
    if before is None:
        return asked
    if asked.name not in ("", before.name):
        raise Refused(
            "LG845",
            f"this is a mirror of {before.name}, not of {asked.name}",
            seen={"folder": str(home.parent), "remote": before.remote},
            next="name another folder with --dir",
        )
    return replace(asked, name=before.name)


def _find(asked: Asked, remote: Registry, statements: Sequence[Evidence], name: str) -> Registration:
    known = registrations(statements)
    where = asked.reference
    if where.digest is not None or where.tag:
        wanted = where.digest or digest_of(remote.manifest(where.tag))
        found = next((one for one in known if one.manifest == wanted), None)
        if found is None:
            raise Refused(
                "LG897",
                f"{where} is no model that the event log of this root registers",
                seen={"manifest": wanted, "registered": [one.ref for one in known[-10:]]},
                next="ask who pushed it; if it is yours: lockgate push REF REMOTE, in the project",
            )
        if where.tag not in ("", tag_of(found)):
            # Whoever can move a tag could choose an older version: the log says which version has which manifest.
            raise Refused(
                "LG897",
                f"{where} is {found.ref}, whose tag is {tag_of(found)}",
                seen={"manifest": wanted, "tag": where.tag},
                next=f"look who moved the tag; for this very model: {where.name}@{wanted}",
            )
        return found
    if asked.environment:
        return _live(asked.environment, statements, name)
    named = [each for each in known if name in ("", each.name)]
    for one in reversed([each for each in named if deployments.revocation_of(each, statements) is None]):
        data = tagged(remote, tag_of(one))
        if data is not None and digest_of(data) == one.manifest:
            return one
    raise Refused(
        "LG897",
        f"{where.name} holds no model that the event log of this root registers",
        seen={"registered": [one.ref for one in known[-10:]]},
        next=f"lockgate push REF {where.name}   # in the project",
    )


def tag_of(registration: Registration) -> str:
    """The tag of a model in a repository: `v7`."""
    return f"v{registration.version}"


def keep(asked: Asked, staged: Staged, place: Path, models: Sequence[Registration]) -> None:
    """Step 5, in a mirror: models, marker, log. The marker comes before the log: a model in it is here already."""
    home, remote = place / ".lockgate", asked.reference.name
    before = mirror.read_mirror(home)
    settings = _settings_for(models[0], staged, remote) if models else b""
    installing.install_models(home, staged, models)
    digests = {*(before.models if before else ()), *(one.manifest for one in models)}
    name = before.name if before else asked.name or models[0].name
    mirror.write_mirror(home, Mirror(remote, name, tuple(sorted(digests)), asked.now(), staged.artifact))
    if models:
        mirror.begin(place, settings)
    installing.install_log(home, staged, own_seen(asked.root))
    _forget(home)


def _settings_for(model: Registration, staged: Staged, remote: str) -> bytes:
    contract, label = plain.contract_of(model, staged.ledger, staged.registry)
    return mirror.settings(name=model.name, remote=remote, contract=contract or "none.py:None", label=label)


def _another(asked: Asked, found: Registration, name: str) -> Refused:
    return Refused(
        "LG845",
        f"{asked.reference} is {found.ref}, and what was asked for is {name}",
        seen={"manifest": found.manifest, "asked": name, "seen": found.name},
        next=f"look who moved the tag; if {found.name} is what you want: --name {found.name}, in a folder of its own",
    )


def _live(environment: str, statements: Sequence[Evidence], wanted: str) -> Registration:
    names = [one for one in deployments.deployed_names(environment, statements) if wanted in ("", one)]
    current = [deployments.current(environment, name, statements) for name in names]
    live = [one for one in current if one is not None]
    if len(live) != 1:
        raise Refused(
            "LG520",
            f"{len(live)} models are live in {environment}" + ("; name one by its tag" if live else ""),
            seen={"environment": environment, "live": [f"{one.name}@{one.version}" for one in live]},
            next=f"lockgate deploy REF --env {environment}, then lockgate push REF REMOTE   # in the project",
        )
    return registration_of(live[0], statements)


def _remember(asked: Asked, staged: Staged, place: Path) -> None:
    if mirror.read_mirror(place / ".lockgate") is not None:
        keep(asked, staged, place, [])
    else:
        own_seen(asked.root).advance(staged.note)


def _missing(home: Path, statements: Sequence[Evidence]) -> list[Registration]:
    blobs = RegistryStore(home / "registry").blobs
    return [one for one in registrations(statements) if not blobs.has(one.manifest)]


def _check_mirror_place(place: Path, root: str) -> None:
    home = place / ".lockgate"
    pins.check_place(place, root)
    log = (home / "log" / EVENTS / "checkpoint").exists()
    if mirror.read_mirror(home) is None:
        others = [each.name for each in place.iterdir() if each != home] if place.is_dir() else []
        if log or others:
            raise Refused(
                "LG947",
                f"{place} is a project, not a mirror" if log else f"{place} holds something else than a mirror",
                seen={"folder": str(place), "files": sorted(others)[:10]},
                next="name a new folder with --dir; in a project, lockgate pull REMOTE merges into it",
            )
    if log and claimed_project(home) != root:
        raise VerificationFailed(
            "LG826",
            f"{place} mirrors another root",
            seen={"place": str(place), "expected": root, "seen": claimed_project(home)},
            next="name another folder with --dir",
        )


def own_seen(root: str) -> SeenStore:
    """The last checkpoint of the event log of `root` that this user has seen."""
    return SeenStore(pins.seen_folder(root) / EVENTS)


def known_blobs(home: Path) -> tuple[BlobStore, ...]:
    """What is here need not be fetched; it is verified as it is read."""
    return (RegistryStore(home / "registry").blobs,)


def _forget(home: Path) -> None:
    shutil.rmtree(home / "state" / "carry", ignore_errors=True)


@contextmanager
def locked_home(home: Path) -> Iterator[None]:
    """The project's lock, of a project or a mirror. Raises Unavailable LG807."""
    with lock(home / "state" / "locks" / "project", wait=False):
        yield


def _pulled(target: Registration, asked: Asked, folder: Path, kind: str, ledger: Ledger) -> Pulled:
    return Pulled(target.ref, target.manifest, asked.root, folder, kind, ledger.checkpoint.size)
