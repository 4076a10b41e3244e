"""OCI manifests as bytes, pure. Sources: opencontainers/image-spec 1.1 (image-layout, manifest, descriptor),
CNCF ModelPack model-spec v1 (modelpack/model-spec: config, annotations, media types).

A model is one manifest: ModelPack's artifact type and configuration, one raw layer per file, so that layer
digest = file digest = signed digest. Its identity is the digest of the manifest. Each piece of evidence is a
manifest of its own whose `subject` is the model's (a referrer): empty configuration, one layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from lockgate.core.digest import Digest, digest_of, parse_digest
from lockgate.core.encoding import decode_exact, encode
from lockgate.core.moments import rfc3339
from lockgate.core.names import check_file_name, check_model_name
from lockgate.errors import VerificationFailed

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX: Final = "application/vnd.oci.image.index.v1+json"
EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
EMPTY: Final = b"{}"
MODEL: Final = "application/vnd.cncf.model.manifest.v1+json"
MODEL_CONFIG: Final = "application/vnd.cncf.model.config.v1+json"
BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
DSSE: Final = "application/vnd.dsse.envelope.v1+json"

TAG: Final = "org.opencontainers.image.ref.name"
FILEPATH: Final = "org.cncf.model.filepath"
PREDICATE_TYPE: Final = "dev.sigstore.bundle.predicateType"

Kind = Literal["weight", "weight.config", "doc", "code", "dataset"]
_LAYER = re.compile(r"application/vnd\.cncf\.model\.(weight|weight\.config|doc|code|dataset)\.v1\.raw")


@dataclass(frozen=True)
class ModelFile:
    """One file of a model: its name in the closure, its digest, its size, and what ModelPack calls its kind."""

    name: str
    digest: Digest
    size: int
    kind: Kind


@dataclass(frozen=True)
class Manifest:
    """A model manifest that was read."""

    config: Digest
    files: tuple[ModelFile, ...]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Attached:
    """A piece of evidence about a model: `media_type` DSSE (a statement) or BUNDLE (model.sig)."""

    media_type: str
    digest: Digest
    size: int
    predicate_type: str


@dataclass(frozen=True)
class Entry:
    """One registration, as far as the registry's derived files depend on it."""

    name: str
    version: int
    manifest: Digest
    size: int
    evidence: tuple[Attached, ...] = ()

    @property
    def tag(self) -> str:
        """`flights-v7`."""
        return tag(self.name, self.version)


def tag(name: str, version: int) -> str:
    """The OCI tag of a model version. Raises ValueError for what cannot be one."""
    if version < 1:
        raise ValueError("versions count from 1")
    return f"{check_model_name(name)}-v{version}"


def model_config(name: str, version: int, created: datetime, files: Sequence[ModelFile], form: str = "onnx") -> bytes:
    """ModelPack's configuration blob for `files`, in the order of the layers."""
    return encode(
        {
            "descriptor": {"name": name, "version": str(version), "createdAt": rfc3339(created)},
            "config": {"format": form},
            "modelfs": {"type": "layers", "diffIds": [file.digest for file in files]},
        }
    )


def model_manifest(config: bytes, files: Sequence[ModelFile], annotations: Mapping[str, str] | None = None) -> bytes:
    """The manifest of a model: its digest is the model's identity. Raises ValueError for an unsafe file name."""
    names = [check_file_name(file.name) for file in files]
    if not names or len(set(names)) != len(names):
        raise ValueError("a model has files, and no two of one name")
    layers = [
        {
            "mediaType": f"application/vnd.cncf.model.{file.kind}.v1.raw",
            "digest": file.digest,
            "size": file.size,
            "annotations": {FILEPATH: file.name},
        }
        for file in files
    ]
    manifest = _manifest(MODEL, _descriptor(MODEL_CONFIG, digest_of(config), len(config)), layers)
    return encode(manifest | ({"annotations": dict(annotations)} if annotations else {}))


def parse_manifest(data: bytes) -> Manifest:
    """Read exactly what `model_manifest` wrote. Raises VerificationFailed (LG837)."""
    try:
        found = _read_manifest(decode_exact(data))
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationFailed(
            "LG837",
            f"a model manifest is malformed: {error}",
            seen={"manifest": digest_of(data)},
            next="lockgate verify --all",
        ) from None
    return found


def evidence_manifests(entry: Entry) -> Iterator[bytes]:
    """One referrer manifest for each piece of evidence of `entry`, in its order."""
    empty = _descriptor(EMPTY_TYPE, digest_of(EMPTY), len(EMPTY))
    for one in entry.evidence:
        manifest = _manifest(one.media_type, empty, [_descriptor(one.media_type, one.digest, one.size)])
        manifest["subject"] = _descriptor(MANIFEST, entry.manifest, entry.size)
        manifest["annotations"] = {PREDICATE_TYPE: one.predicate_type}
        yield encode(manifest)


def render_index(entries: Sequence[Entry]) -> bytes:
    """`index.json` for all registrations, in log order: each model's manifest with its tag, then its evidence."""
    manifests: list[dict[str, Any]] = []
    for entry in entries:
        model = _descriptor(MANIFEST, entry.manifest, entry.size)
        manifests.append(model | {"artifactType": MODEL, "annotations": {TAG: entry.tag}})
        for one, data in zip(entry.evidence, evidence_manifests(entry), strict=True):
            referrer = _descriptor(MANIFEST, digest_of(data), len(data))
            annotations = {PREDICATE_TYPE: one.predicate_type}
            manifests.append(referrer | {"artifactType": one.media_type, "annotations": annotations})
    return encode({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": manifests})


def _descriptor(media_type: str, digest: Digest, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _manifest(artifact_type: str, config: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": config,
        "layers": list(layers),
    }


def _read_manifest(value: Any) -> Manifest:
    fields = {"schemaVersion", "mediaType", "artifactType", "config", "layers"}
    if not isinstance(value, dict) or set(value) - {"annotations"} != fields:
        raise ValueError("it does not have the fields of a manifest")
    if (value["schemaVersion"], value["mediaType"], value["artifactType"]) != (2, MANIFEST, MODEL):
        raise ValueError("it is not a model's manifest")
    config = _read_descriptor(value["config"], {"mediaType", "digest", "size"})
    if value["config"]["mediaType"] != MODEL_CONFIG:
        raise ValueError("its configuration is not a model's")
    files = tuple(_read_layer(layer) for layer in value["layers"])
    if not files or len({file.name for file in files}) != len(files):
        raise ValueError("it has files, and no two of one name")
    annotations = value.get("annotations", {})
    if not all(isinstance(text, str) for text in annotations.values()):
        raise ValueError("annotations are texts")
    return Manifest(config[0], files, annotations)


def _read_layer(value: Any) -> ModelFile:
    digest, size = _read_descriptor(value, {"mediaType", "digest", "size", "annotations"})
    match = _LAYER.fullmatch(value["mediaType"])
    if match is None or set(value["annotations"]) != {FILEPATH}:
        raise ValueError("a layer is not a raw file of a model")
    kind: Any = match[1]
    return ModelFile(check_file_name(value["annotations"][FILEPATH]), digest, size, kind)


def _read_descriptor(value: Any, fields: set[str]) -> tuple[Digest, int]:
    if not isinstance(value, dict) or set(value) != fields:
        raise ValueError("a descriptor has exactly " + ", ".join(sorted(fields)))
    if type(value["size"]) is not int or value["size"] < 0:
        raise ValueError("a size is a whole number")
    return parse_digest(value["digest"]), value["size"]
