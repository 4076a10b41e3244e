"""The rendered objects, held against the published schemas of each Kubernetes version (kubernetes-validate, strict)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any

import pytest

from lockgate.export.kubernetes.pods import Input, job
from tests.support.kubernetes import SPEC, Objects

judge: Any = import_module("kubernetes_validate")


def numbers(version: str) -> list[int]:
    """A version as it is ordered."""
    return [int(part) for part in version.split(".")]


VERSIONS: list[str] = sorted({each for each in judge.utils.all_versions() if numbers(each) >= [1, 27]}, key=numbers)


@cache
def rendered() -> list[dict[str, Any]]:
    """The set with every option, and launched Jobs with each way of input."""
    made = [
        job(replace(SPEC, claim=claim), "train", name="train-1", command=("python",), inputs=[Input("a", "cd" * 32)])
        for claim in ("", "blobs")
    ]
    return [*Objects().all, *made]


def check(manifest: dict[str, Any], version: str) -> None:
    """Raises ValidationError."""
    judge.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_takes_what_is_rendered(version: str) -> None:
    """Every kind, with every option, in the strict schemas of every version from 1.27 on: no unknown field."""
    for manifest in one_of_each():
        check(manifest, version)


def test_the_newest_version_takes_every_object() -> None:
    """All objects, not only one of each kind."""
    for manifest in rendered():
        check(manifest, VERSIONS[-1])


def one_of_each() -> list[dict[str, Any]]:
    """The largest object of each kind: the schemas are large, and each is parsed anew."""
    found = {each["kind"]: each for each in sorted(rendered(), key=lambda each: len(str(each)))}
    return list(found.values())


@pytest.mark.parametrize(
    "mutate",
    [
        lambda o: o.one("NetworkPolicy", "ingest")["spec"].update(policyType=["Egress"]),
        lambda o: o.one("NetworkPolicy", "ingest")["spec"].update(policyTypes="Egress"),
        lambda o: o.pod.update(runtimeClasName="gvisor"),
        lambda o: o.container["securityContext"].update(readonlyRootFilesystem=True),
        lambda o: o.one("ServiceAccount", "ingest").update(automountServiceAccountTokens=False),
        lambda o: o.one("Role", "launch")["rules"][0].update(verb=["get"]),
    ],
    ids=["policyType", "not a list", "runtimeClasName", "readonlyRootFilesystem", "Tokens", "verb"],
)
def test_a_typo_fails(mutate: Callable[[Objects], Any]) -> None:
    """Positive control: a field that is spelt wrongly, or has a wrong type, is noticed."""
    objects = Objects()
    mutate(objects)
    changed = next(new for new, old in zip(objects.all, Objects().all, strict=True) if new != old)
    with pytest.raises(judge.ValidationError):
        check(changed, VERSIONS[-1])
