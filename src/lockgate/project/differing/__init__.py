"""`lockgate diff`: what became another from one model to another. The shell.

Everything is from statements that the ledger verified and that are joined by digest, and from files by the digests in
them. What the data store no longer has is told so, and never guessed from the project's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit import deployments, imports, origins, refs
from lockgate.audit.entries import Registration, registrations
from lockgate.audit.imports import Import
from lockgate.core.digest import Digest
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.project.differing import brought, chosen, code, judged, rows, stands
from lockgate.project.differing.side import Side
from lockgate.project.differing.spec import Difference, Topic
from lockgate.project.pages import live_in
from lockgate.store.blobs import BlobStore

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.project.folder import Folder

Model = Registration | Import
_MOST = 64 << 20


def differ(project: Folder, one: str, other: str, environment: str) -> Difference:
    """What became another from the model that `one` names to the model that `other` names.

    `one` empty: what is live in `environment` under the name of the other; where that is nothing, or the other itself,
    the version before it.

    Raises Usage LG501 to LG503, LG9030 where there is nothing to compare with; VerificationFailed where a model does
    not rest on what its registration names, or a stored file has other bytes.
    """
    ledger = project.ledger()
    statements = ledger.statements()
    second = _model(other, statements, environment)
    first = _model(one, statements, environment) if one else _before(second, statements, environment)
    notes = list(_notes(first, second, statements, chosen_for_you=not one))
    topics = (
        brought.topics(first, second)
        if isinstance(first, Import) or isinstance(second, Import)
        else _topics(project, first, second, statements)
    )
    return Difference(first.ref, second.ref, (first.manifest, second.manifest), topics, tuple(notes))


def _topics(
    project: Folder, first: Registration, second: Registration, statements: Sequence[Evidence]
) -> tuple[Topic, ...]:
    read = _reader(project.home)
    one, other = (Side(each, origins.inputs_of(each, statements), read) for each in (first, second))
    policy = project.policy(project.ledger())
    return (
        rows.sources(one, other),
        rows.counted(one, other),
        rows.columns(one, other),
        code.contract(one, other),
        code.code(one, other),
        chosen.packages(one, other),
        chosen.settings(one, other),
        chosen.split(one, other),
        judged.metrics(one, other),
        chosen.jails(one, other),
        stands.policy(one, other),
        stands.people(one, other, statements, policy, project.now()),
    )


def _model(ref: str, statements: Sequence[Evidence], environment: str) -> Model:
    return imports.named(ref, statements) or refs.resolve(ref, statements, environment)


def _before(second: Model, statements: Sequence[Evidence], environment: str) -> Model:
    if isinstance(second, Registration):
        with suppress(Refused, Usage):
            live = refs.resolve(f"{second.name}:live@{environment}", statements, environment)
            if live.manifest != second.manifest:
                return live
    known: Sequence[Model] = (
        registrations(statements) if isinstance(second, Registration) else imports.imports(statements)
    )
    earlier = [one for one in known if one.name == second.name and one.version < second.version]
    if not earlier:
        raise Usage(
            "LG9030",
            f"{second.ref} is the first of its name, and no other is live in {environment}",
            seen={"model": second.manifest, "environment": environment},
            next="lockgate models",
        )
    return earlier[-1]


def _notes(first: Model, second: Model, statements: Sequence[Evidence], *, chosen_for_you: bool) -> Sequence[str]:
    notes = []
    if chosen_for_you:
        live = isinstance(first, Registration) and bool(live_in(first, statements))
        notes.append(f"{first.ref} is {'live' if live else 'the version before'}; name two to compare others")
    if first.manifest == second.manifest:
        notes.append("both are the same model: the same manifest")
    elif first.name != second.name:
        notes.append(f"two models of different names: {first.name} and {second.name}")
    registered = [one for one in (first, second) if isinstance(one, Registration)]
    gone = [one.ref for one in registered if deployments.revocation_of(one, statements) is not None]
    return [*notes, *(f"{ref} is revoked" for ref in gone)]


def _reader(home: Path) -> Callable[[Digest], bytes | None]:
    """Reads from the registry, else from the data store. Other bytes than the digest's are never passed over."""
    stores = [
        BlobStore(folder, home / "state" / "tmp")
        for folder in (home / "registry" / "blobs" / "sha256", home / "data" / "sha256")
    ]

    def read(digest: Digest) -> bytes | None:
        for store in stores:
            try:
                return store.read(digest, _MOST)
            except LockgateError as error:
                if error.finding not in ("LG805", "LG806"):
                    raise
        return None

    return read
