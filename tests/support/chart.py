"""The Helm chart, as Helm itself (v4, a library of it) renders it."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from lockgate.export.kubernetes.objects import objects
from lockgate.export.kubernetes.spec import KubernetesSpec, Way

CHART = Path(__file__).resolve().parents[2] / "kit" / "helm" / "lockgate"


def values_of(spec: KubernetesSpec) -> dict[str, Any]:
    """What a person writes into values.yaml to have the same as in [kubernetes]."""
    limits = spec.limits
    return {
        "image": spec.image,
        "namespace": spec.namespace,
        "runtimeClass": spec.runtime_class,
        "claim": spec.claim,
        "cores": spec.cores,
        "port": spec.port,
        "callers": list(spec.callers),
        "ingestTo": ways(spec.ingest_ways),
        "api": ways(spec.api_ways),
        "limits": {
            "memory": limits.memory,
            "wallSeconds": limits.wall_seconds,
            "outputBytes": limits.output_bytes,
            "talkBytes": limits.talk_bytes,
            "tmpBytes": limits.tmp_bytes,
            "shmBytes": limits.shm_bytes,
        },
    }


def ways(several: tuple[Way, ...]) -> list[dict[str, Any]]:
    """Ways out, as values."""
    return [{"cidr": way.cidr, "port": way.port} for way in several]


@cache
def loaded() -> Any:
    """The chart, read once."""
    return import_module("helm_python.chart").Chart.load(CHART)


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Its objects, without the notes. Raises what Helm raises."""
    texts = loaded().render(values, name="lockgate", namespace="releases")
    yaml = import_module("yaml")
    files = [text for name, text in sorted(texts.items()) if name.endswith(".yaml")]
    return [each for text in files for each in yaml.safe_load_all(text) if each]


def exported(spec: KubernetesSpec) -> list[dict[str, Any]]:
    """What `lockgate export kubernetes` writes, as whoever reads it has it."""
    read: list[dict[str, Any]] = json.loads(json.dumps(objects(spec)))
    return read


def by_name(several: list[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Objects by kind, namespace and name; each is there once."""
    found = {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in several}
    assert len(found) == len(several)
    return found
