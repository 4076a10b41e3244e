"""The bill of materials of a model: CycloneDX 1.6 with a model card, filled from signed statements alone. Pure.

    metadata.component   the model: its files' digests, what it learned from, what was measured of it (`modelCard`)
    components           data (sources, accepted, training and held-out rows), code, lock, wheels with their licences
    dependencies         the model rests on all of them

The same statements give the same bytes, so there is neither a serial number nor a time of making. What a person said
(licences, the description) is marked as declared; everything else is the statements'.

Source: CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/#metadata_component_modelCard
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit import joins
from lockgate.core.digest import Digest, hex_of
from lockgate.core.encoding import decode, encode
from lockgate.core.moments import rfc3339
from lockgate.core.shown import shown
from lockgate.runtime.locked import bom

if TYPE_CHECKING:
    from datetime import datetime

    from lockgate.audit.evidence import Evidence
    from lockgate.register.spec import Words

MODEL: Final = "lockgate:model"
_CODE: Final = "code/"
_ROWS: Final = ("accepted.parquet", "train.parquet", "heldout.parquet")


def document(name: str, words: Words, heads: Mapping[str, Evidence]) -> bytes:
    """The bill of the candidate that `heads` (ingest, validate, train, judge; joined) speak about."""
    data, code, wheels = list(_data(heads, words)), list(_code(heads)), bom.components_of(_dependencies(heads["train"]))
    parts = [*data, *code, *wheels]
    return encode(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": _model(name, words, heads, data)},
            "components": parts,
            "dependencies": [
                {"ref": MODEL, "dependsOn": sorted(each["bom-ref"] for each in parts)},
                *({"ref": each["bom-ref"]} for each in parts),
            ],
        }
    )


def released(signed: bytes, *, version: int, manifest: Digest, time: datetime) -> bytes:
    """The signed bill of a registered model, and what was known only once it was registered.

    A bill from before there were any of models is given as it is.
    """
    value = decode(signed)
    if "metadata" not in value:
        return signed
    value["metadata"]["timestamp"] = rfc3339(time)
    component = value["metadata"]["component"]
    component["version"] = str(version)
    component["properties"] = [*component["properties"], _property("manifest", manifest)]
    return encode(value)


def _model(name: str, words: Words, heads: Mapping[str, Evidence], data: list[dict[str, Any]]) -> dict[str, Any]:
    candidate = joins.candidate(heads["train"].statement)
    described = {"description": shown(words.description)} if words.description else {}
    properties = [_property(f"file:{file}", digest) for file, digest in sorted(candidate.items())]
    properties += [_property(f"statement:{claim}", one.digest) for claim, one in sorted(heads.items())]
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": name,
        **described,
        **_licensed(words.licence),
        "hashes": [_hash(candidate["model.onnx"])],
        "modelCard": _card(heads, data),
        "properties": properties,
    }


def _card(heads: Mapping[str, Evidence], data: list[dict[str, Any]]) -> dict[str, Any]:
    fit, judged = fit_of(heads["train"]), heads["judge"].predicate
    task = str(judged.get("task", ""))
    label = _external(heads["train"]).get("label")
    parameters: dict[str, Any] = {
        "approach": {"type": "supervised"},
        "task": {"regression": "regression"}.get(task, f"classification ({task})"),
        "modelArchitecture": shown(str(fit.get("estimator", "unknown"))),
        "datasets": [{"ref": each["bom-ref"]} for each in data],
        "inputs": [{"format": "one record of the contract"}],
        "outputs": [{"format": f"the value of {shown(str(label))}" + ("" if task == "regression" else ", scores")}],
    }
    card: dict[str, Any] = {"modelParameters": parameters}
    measured = [
        *_measures(judged.get("metrics"), ""),
        *_measures(judged.get("robustness"), ""),
        *_sliced(judged.get("slices")),
    ]
    if measured:
        card["quantitativeAnalysis"] = {"performanceMetrics": measured}
    card["properties"] = [
        _property("held-out rows", judged.get("rows")),
        _property("judged", judged.get("judged")),
        *(_property(f"made with {package}", version) for package, version in sorted(_texts(fit.get("versions")))),
    ]
    return card


def _measures(metrics: object, part: str) -> Iterator[dict[str, Any]]:
    for metric, found in sorted(metrics.items()) if isinstance(metrics, Mapping) else ():
        value = found.get("value") if isinstance(found, Mapping) else found
        if not isinstance(value, int | float):
            continue
        said: dict[str, Any] = {"type": shown(str(metric)), "value": str(value)}
        if part:
            said["slice"] = part
        low, high = (found.get("low"), found.get("high")) if isinstance(found, Mapping) else (None, None)
        if isinstance(low, int | float) and isinstance(high, int | float):
            said["confidenceInterval"] = {"lowerBound": str(low), "upperBound": str(high)}
        yield said


def _sliced(slices: object) -> Iterator[dict[str, Any]]:
    for each in slices if isinstance(slices, list) else ():
        if isinstance(each, Mapping):
            yield from _measures(each.get("metrics"), shown(f"{each.get('field')} = {each.get('value')}"))


def _data(heads: Mapping[str, Evidence], words: Words) -> Iterator[dict[str, Any]]:
    """The sources as ingest read them, then the rows that the contract let through and those on either side."""
    for name, digest, facts in _dependencies(heads["ingest"]):
        yield _dataset(f"source/{name}", digest, facts.get("rows"), words.data_licence)
    counted = {"accepted.parquet": heads["validate"].predicate.get("accepted")}
    listed = {name: (digest, facts) for name, digest, facts in _dependencies(heads["train"])}
    for name in _ROWS:
        if name in listed:
            digest, facts = listed[name]
            yield _dataset(name, digest, facts.get("rows", counted.get(name)), words.data_licence)


def _dataset(name: str, digest: Digest, rows: object, licence: str) -> dict[str, Any]:
    contents = {"properties": [{"name": "rows", "value": str(rows)}]} if type(rows) is int else {}
    return {
        "type": "data",
        "bom-ref": f"data:{shown(name)}",
        "name": shown(name),
        "hashes": [_hash(digest)],
        **_licensed(licence),
        "data": [{"type": "dataset", "name": shown(name), "contents": contents}],
    }


def _code(heads: Mapping[str, Evidence]) -> Iterator[dict[str, Any]]:
    for name, digest, _ in _dependencies(heads["train"]):
        if name.startswith(_CODE) or name.endswith(".lock"):
            yield {"type": "file", "bom-ref": f"file:{shown(name)}", "name": shown(name), "hashes": [_hash(digest)]}


def fit_of(train: Evidence) -> Mapping[str, Any]:
    """What the train jail said of the model that it fitted; empty where the statement has none."""
    definition = train.predicate.get("buildDefinition")
    inside = definition.get("internalParameters") if isinstance(definition, Mapping) else None
    fit = inside.get("fit") if isinstance(inside, Mapping) else None
    return fit if isinstance(fit, Mapping) else {}


def _external(train: Evidence) -> Mapping[str, Any]:
    definition = train.predicate.get("buildDefinition")
    chosen = definition.get("externalParameters") if isinstance(definition, Mapping) else None
    return chosen if isinstance(chosen, Mapping) else {}


def _dependencies(one: Evidence) -> Iterator[tuple[str, Digest, Mapping[str, Any]]]:
    """Name, digest and annotations of what a statement rests on; `joins` has left out what is malformed."""
    definition = one.predicate.get("buildDefinition")
    listed = definition.get("resolvedDependencies") if isinstance(definition, Mapping) else None
    facts = {
        str(each.get("name", "")): each.get("annotations")
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, Mapping)
    }
    seen = set()
    for name, digest in joins.dependencies(one.statement):
        found = facts.get(name)
        if name not in seen:
            seen.add(name)
            yield name, digest, found if isinstance(found, Mapping) else {}


def _texts(value: object) -> list[tuple[str, str]]:
    return [(str(key), str(each)) for key, each in value.items()] if isinstance(value, Mapping) else []


def _licensed(expression: str) -> dict[str, Any]:
    return {"licenses": [{"expression": expression, "acknowledgement": "declared"}]} if expression else {}


def _hash(digest: Digest) -> dict[str, str]:
    return {"alg": "SHA-256", "content": hex_of(digest)}


def _property(name: str, value: object) -> dict[str, str]:
    return {"name": f"lockgate:{shown(name)}", "value": shown(str(value))}
