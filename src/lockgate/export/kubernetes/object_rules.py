"""What each object must be by itself, but for its pod. Pure.

Each rule names what is allowed, not what is forbidden: a kind, a right or a type of service that nobody thought of is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lockgate.export.kubernetes import policy_form
from lockgate.export.kubernetes.manifest import get
from lockgate.export.kubernetes.objects import MOUNTABLE, POD_SECURITY
from lockgate.export.kubernetes.spec import Manifest

Broken = tuple[str, str, str]
"""Rule, place, what it lets happen."""

KINDS = {
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "Namespace": "v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Pod": "v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
}
RIGHTS = {
    ("batch", "jobs"): {"create", "delete"},
    ("", "pods"): {"get", "list"},
    ("", "pods/log"): {"get"},
    ("", "configmaps"): {"create", "delete"},
}
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")


def check(manifest: Manifest) -> Iterator[Broken]:
    """Each rule that the object breaks."""
    kind = manifest.get("kind")
    if KINDS.get(str(kind)) != manifest.get("apiVersion"):
        yield "kinds", "kind", "an object of this kind is no part of Lockgate; keys are never in a manifest"
        return
    flaw = _named(manifest)
    if flaw:
        yield "named", flaw, "an object that is not where it seems"
        return
    rule = _RULES.get(str(kind))
    if rule is not None:
        yield from rule(manifest)


def _named(manifest: Manifest) -> str:
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):
        return "metadata"
    for field in ("labels", "annotations"):
        value = metadata.get(field)
        if value is not None and not _texts(value):
            return f"metadata.{field}"
    for field in ("name", "namespace"):
        value = metadata.get(field)
        if manifest["kind"] == "Namespace" and field == "namespace" and value is None:
            continue
        if not isinstance(value, str) or not _NAME.match(value):
            return f"metadata.{field}"
    return ""


def _texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(each, str) for pair in value.items() for each in pair)


def _namespace(manifest: Manifest) -> Iterator[Broken]:
    labels = get(manifest, "metadata", "labels") or {}
    for mode in ("enforce", "audit", "warn"):
        if labels.get(f"{POD_SECURITY}/{mode}") != "restricted":
            yield "pod-security", f"metadata.labels[{POD_SECURITY}/{mode}]", "the cluster takes any pod"
        elif f"{POD_SECURITY}/{mode}-version" not in labels:
            yield "pod-security-version", f"metadata.labels[{POD_SECURITY}/{mode}-version]", "whose rules, is not said"


def _account(manifest: Manifest) -> Iterator[Broken]:
    if manifest.get("automountServiceAccountToken") is not False:
        yield "account-token", "automountServiceAccountToken", "every pod gets a way into the cluster's API"
    if get(manifest, "metadata", "annotations", MOUNTABLE) != "true":
        yield "account-secrets", f"metadata.annotations[{MOUNTABLE}]", "its pods may mount any Secret of the namespace"


def _role(manifest: Manifest) -> Iterator[Broken]:
    rules = manifest.get("rules") or ()
    for index, rule in enumerate(rules if isinstance(rules, list | tuple) else [rules]):
        if not _is_allowed(rule):
            yield "rights", f"rules[{index}]", "a right beyond starting a Job and reading what it says"


def _is_allowed(rule: Any) -> bool:
    if not isinstance(rule, Mapping) or set(rule) - {"apiGroups", "resources", "verbs", "resourceNames"}:
        return False
    lists = [rule.get(field) for field in ("apiGroups", "resources", "verbs")] + [rule.get("resourceNames") or []]
    if not all(isinstance(each, list | tuple) and all(isinstance(word, str) for word in each) for each in lists):
        return False
    groups, resources, verbs, _ = (tuple(each or ()) for each in lists)
    return all(set(verbs) <= RIGHTS.get((group, resource), set()) for group in groups for resource in resources)


def _binding(manifest: Manifest) -> Iterator[Broken]:
    reference, subjects = manifest.get("roleRef"), manifest.get("subjects")
    if get(reference, "kind") != "Role" or not isinstance(get(reference, "name"), str):
        yield "binding-role", "roleRef", "rights that stand elsewhere, and may be the cluster's own"
    for index, subject in enumerate(subjects if isinstance(subjects, list | tuple) else [subjects]):
        named = all(isinstance(get(subject, field), str) for field in ("name", "namespace"))
        if get(subject, "kind") != "ServiceAccount" or not named:
            yield "binding-subject", f"subjects[{index}]", "rights for a person or a whole group"


def _policy(manifest: Manifest) -> Iterator[Broken]:
    for place in policy_form.flaws(manifest):
        yield "policy-form", place, "nobody knows what it opens"


def _service(manifest: Manifest) -> Iterator[Broken]:
    spec = manifest.get("spec")
    ports = get(spec, "ports")
    nodes = [get(port, "nodePort") for port in ports] if isinstance(ports, list | tuple) else [ports]
    outside = get(spec, "externalIPs") or get(spec, "externalName") or any(nodes)
    if get(spec, "type") not in (None, "ClusterIP") or outside:
        yield "service", "spec", "a door beyond the cluster"


def _job(manifest: Manifest) -> Iterator[Broken]:
    spec = get(manifest, "spec")
    if get(spec, "backoffLimit") != 0:
        yield "job-retries", "spec.backoffLimit", "untrusted code gets a second run that nobody watches"
    if any(get(spec, field) not in (None, 1) for field in ("parallelism", "completions")):
        yield "job-count", "spec.parallelism", "more pods than one, of which one is watched"
    for field, rule in (("activeDeadlineSeconds", "job-deadline"), ("ttlSecondsAfterFinished", "job-kept")):
        value = get(spec, field)
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            yield rule, f"spec.{field}", "a Job that never ends, or is never cleared away"


_RULES: dict[str, Callable[[Manifest], Iterator[Broken]]] = {
    "Job": _job,
    "Namespace": _namespace,
    "NetworkPolicy": _policy,
    "Role": _role,
    "RoleBinding": _binding,
    "Service": _service,
    "ServiceAccount": _account,
}
