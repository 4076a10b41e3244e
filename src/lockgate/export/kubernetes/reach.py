"""Who reaches whom in a whole set of objects: over the network, and through the cluster's API. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lockgate.export.kubernetes.manifest import Pod, get, name_of, pod_of
from lockgate.export.kubernetes.network import Endpoint, open_between
from lockgate.export.kubernetes.objects import NAME_LABEL
from lockgate.export.kubernetes.roles import Rights
from lockgate.export.kubernetes.spec import COMPONENT, PART_OF, Manifest

DNS = Endpoint("cluster DNS", "kube-system", {"k8s-app": "kube-dns"}, {NAME_LABEL: "kube-system"})
STRANGER = Endpoint("another namespace", "elsewhere", {COMPONENT: "stranger"}, {NAME_LABEL: "elsewhere"})
# Documentation addresses stand for everybody outside; the last one is where clouds hand out their credentials.
OUTSIDE = (
    Endpoint("outside", address="203.0.113.1"),
    Endpoint("outside (IPv6)", address="2001:db8::1"),
    Endpoint("cloud metadata", address="169.254.169.254"),
)


def endpoints(manifests: Sequence[Manifest]) -> tuple[Endpoint, ...]:
    """Our pods: each that a manifest makes, and one for each account whose pods are not among the manifests."""
    found = {name_of(each): _of_pod(each, pod) for each in manifests if (pod := pod_of(each)) is not None}
    made = {(each.namespace, each.labels.get(COMPONENT)) for each in found.values()}
    for manifest in manifests:
        if manifest["kind"] == "ServiceAccount":
            namespace, stage = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
            name, labels = f"stage {namespace}/{stage}", {PART_OF: "lockgate", COMPONENT: stage}
            if (namespace, stage) not in made:
                found[name] = Endpoint(name, namespace, labels, {NAME_LABEL: namespace})
    return tuple(found[name] for name in sorted(found))


def _of_pod(manifest: Manifest, pod: Pod) -> Endpoint:
    namespace = manifest["metadata"]["namespace"]
    ports = {
        port["name"]: (port.get("protocol") or "TCP", port["containerPort"])
        for _, container in pod.containers
        for port in container.get("ports") or ()
        if port.get("name")
    }
    return Endpoint(
        name_of(manifest), namespace, get(pod.metadata, "labels") or {}, {NAME_LABEL: namespace}, ports=ports
    )


def strangers(policies: Sequence[Manifest]) -> tuple[Endpoint, ...]:
    """Those who are not ours: DNS, another namespace, addresses outside, and whomever the policies name."""
    named = {STRANGER.namespace, DNS.namespace}
    found = [DNS, STRANGER, *OUTSIDE]
    for peer in _peers(policies):
        block = peer.get("ipBlock")
        if block is not None:
            found.append(Endpoint(block["cidr"], address=block["cidr"].partition("/")[0]))
        namespace = get(peer, "namespaceSelector", "matchLabels", NAME_LABEL)
        if isinstance(namespace, str) and namespace not in named:
            named.add(namespace)
            found.append(Endpoint(f"namespace {namespace}", namespace, {}, {NAME_LABEL: namespace}))
    return tuple({each.name: each for each in found}.values())


def network(manifests: Sequence[Manifest]) -> dict[str, dict[str, list[str]]]:
    """Source -> target -> the open ports. Every endpoint of ours is a source, if only of an empty entry."""
    policies = [each for each in manifests if each["kind"] == "NetworkPolicy"]
    ours, others = endpoints(manifests), strangers(policies)
    pairs = [(source, (*ours, *others)) for source in ours] + [(source, ours) for source in others]
    return {
        source.name: {
            target.name: [str(span) for span in spans]
            for target in targets
            if target is not source and (spans := open_between(policies, source, target))
        }
        for source, targets in pairs
    }


def accounts(manifests: Sequence[Manifest]) -> dict[str, dict[str, Any]]:
    """Account -> what it may do, the namespaces whose Secrets it can come to, the accounts that it can become."""
    rights = Rights(manifests)
    found = {}
    for account in rights.accounts:
        reach = rights.reach(account)
        found["/".join(account)] = {
            "may": sorted(
                f"{verb} {resource} in {grant.namespace or 'every namespace'}"
                for grant in rights.grants(account)
                for resource in grant.resources
                for verb in grant.verbs
            ),
            "secrets_of": sorted(reach.secrets),
            "becomes": sorted("/".join(each) for each in reach.accounts),
            "rules": sorted(each or "every namespace" for each in reach.rules),
        }
    return found


def secrets_named(manifests: Sequence[Manifest]) -> dict[str, set[str]]:
    """Namespace -> the Secrets that its accounts and pods name."""
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        listed = manifest.get("secrets")
        names = {str(get(each, "name")) for each in listed} if isinstance(listed, list | tuple) else set()
        pod = pod_of(manifest)
        if pod is not None:
            names |= {str(get(volume, "secret", "secretName")) for _, volume in pod.volumes if "secret" in volume}
        if names:
            found.setdefault(get(manifest, "metadata", "namespace") or "", set()).update(names)
    return found


def _peers(policies: Sequence[Manifest]) -> Iterator[Any]:
    for policy in policies:
        for direction, side in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction) or ():
                yield from rule.get(side) or ()
