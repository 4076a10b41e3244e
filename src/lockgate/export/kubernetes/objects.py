"""Every object of a project, in the order in which a cluster can take them. Pure and deterministic."""

from __future__ import annotations

from typing import Any

from lockgate.export.kubernetes import pods
from lockgate.export.kubernetes.spec import (
    COMPONENT,
    JAILED,
    KEYS,
    PART_OF,
    STAGES,
    KubernetesSpec,
    Way,
    secret_name,
)

POD_SECURITY = "pod-security.kubernetes.io"
NAME_LABEL = "kubernetes.io/metadata.name"
MOUNTABLE = "kubernetes.io/enforce-mountable-secrets"
LAUNCHER = "launch"
POLICIES = "networking.k8s.io/v1"
ROLES = "rbac.authorization.k8s.io/v1"
_DNS = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {NAME_LABEL: "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}


def objects(spec: KubernetesSpec) -> tuple[dict[str, Any], ...]:
    """Namespaces, walls, accounts, rights, then what runs: the walls stand before anything could start."""
    return (
        *(_namespace(name) for name in spec.namespaces),
        *(_deny_all(name) for name in spec.namespaces),
        *_openings(spec),
        *(_account(spec.namespace, stage, KEYS[stage]) for stage in STAGES),
        *(_account(spec.home(stage), stage, ()) for stage in JAILED),
        *(_role(spec, stage) for stage in JAILED),
        *(_binding(spec, stage) for stage in JAILED),
        _service(spec),
        pods.gateway(spec),
        *(pods.job(spec, stage) for stage in JAILED),
    )


def file_name(place: int, manifest: dict[str, Any]) -> str:
    """`07-networkpolicy-lockgate-default-deny.yaml`: in the order of application."""
    metadata = manifest["metadata"]
    parts = (manifest["kind"].lower(), metadata.get("namespace", ""), metadata["name"])
    return f"{place:02d}-{'-'.join(part for part in parts if part)}.yaml"


def _namespace(name: str) -> dict[str, Any]:
    levels = {f"{POD_SECURITY}/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    versions = {f"{POD_SECURITY}/{mode}-version": "latest" for mode in ("enforce", "audit", "warn")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {PART_OF: "lockgate", **levels, **versions}},
    }


def _deny_all(namespace: str) -> dict[str, Any]:
    return _policy(namespace, "default-deny", {}, policyTypes=["Ingress", "Egress"])


def _openings(spec: KubernetesSpec) -> list[dict[str, Any]]:
    """What the walls let through, each only where it was asked for."""
    found = []
    if spec.callers:
        rule = {
            "from": [{"namespaceSelector": {"matchLabels": {NAME_LABEL: name}}} for name in spec.callers],
            "ports": [{"protocol": "TCP", "port": spec.port}],
        }
        found.append(_policy(spec.namespace, "gateway", _of("serve"), policyTypes=["Ingress"], ingress=[rule]))
    if spec.ingest_ways:
        rules = [*(_way(way) for way in spec.ingest_ways), _DNS]
        found.append(_policy(spec.namespace, "ingest", _of("ingest"), policyTypes=["Egress"], egress=rules))
    if spec.api_ways:
        ways = [_way(way) for way in spec.api_ways]
        found += [
            _policy(spec.namespace, f"{stage}-launcher", _of(stage), policyTypes=["Egress"], egress=ways)
            for stage in JAILED
        ]
    return found


def _policy(namespace: str, name: str, selector: dict[str, Any], **rules: Any) -> dict[str, Any]:
    return {
        "apiVersion": POLICIES,
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": selector, **rules},
    }


def _of(stage: str) -> dict[str, Any]:
    return {"matchLabels": {COMPONENT: stage}}


def _way(way: Way) -> dict[str, Any]:
    return {"to": [{"ipBlock": {"cidr": way.cidr}}], "ports": [{"protocol": "TCP", "port": way.port}]}


def _account(namespace: str, stage: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """A stage's account. Its pods may mount the Secrets that it lists, and no other."""
    account: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": stage, "namespace": namespace, "annotations": {MOUNTABLE: "true"}},
        "automountServiceAccountToken": False,
    }
    if keys:
        account["secrets"] = [{"name": secret_name(role)} for role in keys]
    return account


def _role(spec: KubernetesSpec, stage: str) -> dict[str, Any]:
    """What a launcher does in the namespace of its jailed pods, and no more: no exec, no Secret, no change of a Job."""
    rules = [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "delete"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    ]
    if not spec.claim:
        rules.append({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "delete"]})
    return {
        "apiVersion": ROLES,
        "kind": "Role",
        "metadata": {"name": LAUNCHER, "namespace": spec.home(stage)},
        "rules": rules,
    }


def _binding(spec: KubernetesSpec, stage: str) -> dict[str, Any]:
    return {
        "apiVersion": ROLES,
        "kind": "RoleBinding",
        "metadata": {"name": LAUNCHER, "namespace": spec.home(stage)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": LAUNCHER},
        "subjects": [{"kind": "ServiceAccount", "name": stage, "namespace": spec.namespace}],
    }


def _service(spec: KubernetesSpec) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "gateway", "namespace": spec.namespace, "labels": pods.labels("serve")},
        "spec": {
            "type": "ClusterIP",
            "selector": pods.labels("serve"),
            "ports": [{"name": "predict", "protocol": "TCP", "port": spec.port, "targetPort": "predict"}],
        },
    }
