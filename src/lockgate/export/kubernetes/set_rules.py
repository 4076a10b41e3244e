"""What a whole set of objects must be: walls in every namespace, jails that reach nobody, keys out of reach. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from lockgate.export.kubernetes import reach
from lockgate.export.kubernetes.manifest import get, name_of, pod_of
from lockgate.export.kubernetes.spec import Manifest

Broken = tuple[str, str, str, str]
"""Rule, object, place, what it lets happen."""


def check(manifests: Sequence[Manifest]) -> Iterator[Broken]:
    """Each rule that the set breaks. Each object must have its form already."""
    for rule in (_unique, _namespaces, _walls, _accounts, _silence, _rights):
        yield from rule(manifests)


def _unique(manifests: Sequence[Manifest]) -> Iterator[Broken]:
    for name, count in Counter(name_of(each) for each in manifests).items():
        if count > 1:
            yield "unique", name, "metadata.name", "the last one applied wins, and the first one is what was read"


def _used(manifests: Sequence[Manifest]) -> list[str]:
    found = {get(each, "metadata", "namespace") for each in manifests if each["kind"] != "Namespace"}
    return sorted(str(each) for each in found)


def _namespaces(manifests: Sequence[Manifest]) -> Iterator[Broken]:
    known = {each["metadata"]["name"] for each in manifests if each["kind"] == "Namespace"}
    for name in _used(manifests):
        if name not in known:
            yield "namespaces", f"Namespace {name}", "is not among the objects", "nobody says which pods it takes"


def _walls(manifests: Sequence[Manifest]) -> Iterator[Broken]:
    walled = {
        each["metadata"]["namespace"]
        for each in manifests
        if each["kind"] == "NetworkPolicy"
        and not (each["spec"].get("podSelector") or {})
        and set(each["spec"].get("policyTypes") or ()) == {"Ingress", "Egress"}
    }
    for name in _used(manifests):
        if name not in walled:
            yield "default-deny", f"Namespace {name}", "no policy for every pod", "everybody reaches everybody"


def _accounts(manifests: Sequence[Manifest]) -> Iterator[Broken]:
    known = {
        (get(each, "metadata", "namespace"), each["metadata"]["name"])
        for each in manifests
        if each["kind"] == "ServiceAccount"
    }
    for manifest in manifests:
        pod = pod_of(manifest)
        named = [] if pod is None else [(get(manifest, "metadata", "namespace"), pod.spec.get("serviceAccountName"))]
        if manifest["kind"] == "RoleBinding":
            named += [(each["namespace"], each["name"]) for each in manifest.get("subjects") or ()]
        for account in named:
            if account not in known:
                place = f"account {account[0]}/{account[1]}"
                yield "accounts", name_of(manifest), place, "whoever makes that account has these rights"


def _jailed(manifests: Sequence[Manifest]) -> list[tuple[str, str]]:
    """Name and namespace of what makes a jailed pod: whatever is not the gateway."""
    pods = [(each, pod_of(each)) for each in manifests]
    return [
        (name_of(each), each["metadata"]["namespace"])
        for each, pod in pods
        if pod is not None and pod.kind != "Deployment"
    ]


def _silence(manifests: Sequence[Manifest]) -> Iterator[Broken]:
    matrix = reach.network(manifests)
    walled = {each["metadata"]["namespace"] for each in manifests if each["kind"] == "NetworkPolicy"}
    for name, namespace in _jailed(manifests):
        if namespace not in walled:  # default-deny has said so
            continue
        for target, ports in matrix[name].items():
            yield "jail-network", name, f"reaches {target} on {', '.join(ports)}", "rows leave"
        for source, targets in matrix.items():
            if name in targets:
                yield "jail-network", name, f"{source} reaches it", "somebody talks to untrusted code"


def _rights(manifests: Sequence[Manifest]) -> Iterator[Broken]:
    keys = reach.secrets_named(manifests)
    jails = {namespace for _, namespace in _jailed(manifests)}
    for account, found in reach.accounts(manifests).items():
        if account.partition("/")[0] in jails and found["may"]:
            yield "jail-rights", f"ServiceAccount {account}", found["may"][0], "untrusted code talks to the cluster"
        for namespace in found["secrets_of"]:
            if namespace in keys:
                place = f"comes to {', '.join(sorted(keys[namespace]))} in {namespace}"
                yield "keys-apart", f"ServiceAccount {account}", place, "a stage signs as another one"
