"""What the gateway verifies for itself before it loads a model: nothing that it is told, but the root's fingerprint.

The folder that it reads may be tampered with by anybody, also while it reads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.audit.entries import FileEntry, Registration
from lockgate.audit.ledger import Ledger
from lockgate.audit.load import LoadDecision
from lockgate.audit.watched import planned
from lockgate.core.digest import Digest, digest_of
from lockgate.errors import VerificationFailed
from lockgate.monitor.plan import MOST_PLAN
from lockgate.runtime import code_bundle, serving
from lockgate.runtime.serving import ServingSpec
from lockgate.runtime.sizes import DATA, MAX_DATA, MAX_MODEL
from lockgate.serve.seen import MemorySeen
from lockgate.serve.spec import Served, ServedField, ServePolicy
from lockgate.serve.standing import NOTHING, Standing
from lockgate.store import oci
from lockgate.store.blobs import BlobStore
from lockgate.store.layout import RegistryStore
from lockgate.trust.policy_abuse import AbusePolicy

MODEL, IO, CODE = "model.onnx", "io.json", "code/"
_MOST = {MODEL: MAX_MODEL, DATA: MAX_DATA}
_MAX_FILE = 64 << 20
_MAX_MANIFEST = 4 << 20


@dataclass(frozen=True)
class Contract:
    """Where the contract stands in the closure: `reference` is `file.py:Class`, `files` the code by its own path."""

    reference: str
    label: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Stored:
    """A file of the registry that is not held in memory. Its bytes were verified once, and are again where they go."""

    blobs: BlobStore
    digest: Digest
    size: int

    def open(self) -> int:
        """A descriptor for whoever copies what is there now, and hashes the copy. The caller closes it.

        Raises VerificationFailed LG803, LG805.
        """
        return self.blobs.open_unverified(self.digest)


@dataclass(frozen=True)
class ModelFiles:
    """What a model worker is given. `data`: the tensors beside the graph; `code`: what features are computed with."""

    model: Stored
    io: bytes
    data: Stored | None = None
    code: bytes | None = None


@dataclass(frozen=True)
class Closed:
    """The files of a registered model, as verified."""

    spec: ServingSpec
    contract: Contract
    files: ModelFiles
    plans: Mapping[str, bytes]
    """What is watched of it, by the file's name: not parsed. Nothing, of a model that was registered without."""


@dataclass(frozen=True)
class Loadable:
    """A model that may be loaded, and what was verified of it. `standing`: of its alarms. `abuse`: what the policy says
    of clients who try it.
    """

    decision: LoadDecision
    served: Served
    spec: ServingSpec
    contract: Contract
    files: ModelFiles
    policy: ServePolicy
    plans: Mapping[str, bytes] = field(default_factory=dict)
    standing: Standing = NOTHING
    abuse: AbusePolicy = field(default_factory=AbusePolicy)


def open_ledger(home: Path, root: str, seen: MemorySeen) -> Ledger:
    """The event log of the `.lockgate` folder `home`, for reading. Raises as `Ledger`.

    1. The roles file comes from the pinned root, and later ones from the root keys of the one before.
    2. The checkpoint is signed by the sealer of the roles in force, and extends the one last seen.
    3. Every entry hashes to it, and its statement is signed by a key that may make it.
    """
    return Ledger(home, root, seen=seen)


def load(
    decision: LoadDecision,
    ledger: Ledger,
    registry: RegistryStore,
    policy: ServePolicy,
    standing: Standing = NOTHING,
) -> Loadable:
    """A model that may be loaded, verified to the last byte.

    1. `decision`: the deployment in force, its summary, its registration, what that rests on, no revocation
       (`load_standing`); `policy` says what a kind of client gets, and what a record must be before its answer leaves.
    2. The manifest is in the registry, has the registered digest, and lists exactly the registered files.
    3. Each file that is loaded has the registered size and digest: of small ones, hashed are the very bytes that are
    returned; model.onnx and model.onnx.data are hashed again as they are loaded (`handover`).
    4. io.json is a serving spec, and the validate statement says which class of which file the contract is. The file
    that computes features is there where it names one.

    Raises VerificationFailed: LG802 to LG806 a file; LG620 manifest and registration differ; LG624 io.json or the
    contract's name.
    """
    # 2. to 4.
    closed = read(decision.registration, ledger, registry)
    served = _served(decision, closed.spec)
    return Loadable(decision, served, closed.spec, closed.contract, closed.files, policy, closed.plans, standing)


def read(registration: Registration, ledger: Ledger, registry: RegistryStore) -> Closed:
    """A registered model, verified to the last byte: steps 2 to 4 of `load`. Raises VerificationFailed as it does."""
    # 2.
    _check_manifest(registration, registry.blobs.read(registration.manifest, _MAX_MANIFEST))
    # 3.
    plans = planned(registration)
    stored = {entry.name: _stored(registry, entry) for entry in registration.files if entry.name in _MOST}
    files = {
        entry.name: _read(registry, entry.digest, entry.size)
        for entry in registration.files
        if entry.name == IO or entry.name.startswith(CODE) or (entry.name in plans and entry.size <= MOST_PLAN)
    }
    # 4.
    for needed in (MODEL, IO):
        registration.file(needed)
    try:
        spec = serving.parse(files[IO])
    except ValueError as error:
        raise _unusable(registration, str(error)) from None
    watched = {name: files[name] for name in plans if name in files}
    contract = _contract(registration, ledger, spec, files)
    code = None
    if spec.features is not None:
        if spec.features.file not in contract.files:
            raise _unusable(registration, f"its features are computed by {spec.features.file}, which it does not have")
        try:
            code = code_bundle.pack(contract.files)
        except ValueError as error:
            raise _unusable(registration, str(error)) from None
    return Closed(spec, contract, ModelFiles(stored[MODEL], files[IO], stored.get(DATA), code), watched)


def sizes_of(registration: Registration) -> tuple[int, int]:
    """Bytes of the graph, and of what lies beside it, as registered."""
    sizes = {entry.name: entry.size for entry in registration.files}
    return sizes.get(MODEL, 0), sizes.get(DATA, 0)


def redeployed(
    loaded: Loadable,
    decision: LoadDecision,
    policy: ServePolicy,
    standing: Standing = NOTHING,
) -> Loadable:
    """The same bytes under a newer deployment of the same manifest, or a newer policy, or with an alarm."""
    served = _served(decision, loaded.spec)
    return dataclasses.replace(loaded, decision=decision, served=served, policy=policy, standing=standing)


def _check_manifest(registration: Registration, data: bytes) -> None:
    listed = {file.name: (file.digest, file.size) for file in oci.parse_manifest(data).files}
    registered = {entry.name: (entry.digest, entry.size) for entry in registration.files}
    if len(data) != registration.manifest_size or listed != registered:
        raise VerificationFailed(
            "LG620",
            f"the manifest of {registration.ref} lists other files than its registration",
            seen={
                "manifest": registration.manifest,
                "only_in_manifest": sorted(set(listed) - set(registered)),
                "only_registered": sorted(set(registered) - set(listed)),
            },
            next="lockgate verify --all",
        )


def _stored(registry: RegistryStore, entry: FileEntry) -> Stored:
    """Hashed in small pieces: the gateway never holds a model. Raises VerificationFailed LG620, LG802, LG805."""
    size = registry.blobs.check(entry.digest)
    if size != entry.size or size > _MOST[entry.name]:
        raise VerificationFailed(
            "LG620",
            f"{entry.name} has another size than its registration says, or a larger one than is served",
            seen={"digest": entry.digest, "size": size, "size_registered": entry.size, "most": _MOST[entry.name]},
            next="lockgate verify --all",
        )
    return Stored(registry.blobs, entry.digest, size)


def _read(registry: RegistryStore, digest: Digest, size: int) -> bytes:
    data = registry.blobs.read(digest, min(size, _MAX_FILE))
    if len(data) != size:
        raise VerificationFailed(
            "LG620",
            "a file is shorter than its registration says",
            seen={"digest": digest_of(data), "size": len(data), "size_registered": size},
            next="lockgate verify --all",
        )
    return data


def _served(decision: LoadDecision, spec: ServingSpec) -> Served:
    return Served(
        name=decision.name,
        version=decision.version,
        manifest=decision.manifest,
        environment=decision.environment,
        rung=decision.rung,
        task=spec.task,
        label=spec.label,
        classes=spec.classes or (),
        fields=tuple(ServedField(field.name, field.kind) for field in spec.fields),
    )


def _contract(registration: Registration, ledger: Ledger, spec: ServingSpec, files: Mapping[str, bytes]) -> Contract:
    code = {name.removeprefix(CODE): data for name, data in files.items() if name.startswith(CODE)}
    validated = ledger.get(registration.inputs["validate"])
    described = validated.predicate.get("contract")
    reference = described.get("name") if isinstance(described, Mapping) else None
    if not isinstance(reference, str) or reference.partition(":")[0] not in code:
        raise _unusable(registration, "the validate statement names no contract of the closure")
    return Contract(reference, spec.label, code)


def _unusable(registration: Registration, reason: str) -> VerificationFailed:
    return VerificationFailed(
        "LG624",
        f"{registration.ref} cannot be served: {reason}",
        seen={"manifest": registration.manifest},
        next=f"lockgate show {registration.ref}",
    )
