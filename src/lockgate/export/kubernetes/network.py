"""Who can reach whom, told from NetworkPolicies alone. Pure.

The semantics of `networking.k8s.io/v1`: a policy selects pods of its namespace; for a pod that no policy of a direction
selects, everything is allowed in that direction; else what any of them allows. A connection needs both: the source's
way out and the target's way in. Selectors of one peer must both hold, peers and rules add up.

Where objects cannot tell, the answer is the larger one: a pod whose address is not known may lie in any ipBlock.
Not told here, because no policy decides it: a pod reaches itself, its node reaches it, and all of this holds only where
the cluster's network plug-in enforces policies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from lockgate.export.kubernetes.spec import Manifest

PROTOCOLS = ("TCP", "UDP", "SCTP")
LAST_PORT = 65535


@dataclass(frozen=True)
class Endpoint:
    """A pod, or, without a namespace, an address outside. `ports` are a pod's named ports."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    ports: Mapping[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class Span:
    """Ports of one protocol, both ends included."""

    protocol: str
    first: int
    last: int

    def __str__(self) -> str:
        if (self.first, self.last) == (1, LAST_PORT):
            return f"{self.protocol}/all"
        return f"{self.protocol}/{self.first}" + ("" if self.first == self.last else f"-{self.last}")


EVERYTHING = tuple(Span(protocol, 1, LAST_PORT) for protocol in sorted(PROTOCOLS))


def open_between(policies: Sequence[Manifest], source: Endpoint, target: Endpoint) -> tuple[Span, ...]:
    """The ports on which `source` can reach `target`, as disjoint spans in order. Raises ValueError: `checked`."""
    return _both(_allowed(policies, source, target, "egress"), _allowed(policies, target, source, "ingress"))


def _allowed(policies: Sequence[Manifest], pod: Endpoint, peer: Endpoint, direction: str) -> tuple[Span, ...]:
    """What the policies of `pod` allow towards (egress) or from (ingress) `peer`."""
    if not pod.namespace:
        return EVERYTHING
    selecting = [policy for policy in policies if _selects(policy, pod, direction)]
    if not selecting:
        return EVERYTHING
    target = peer if direction == "egress" else pod
    spans = [
        span
        for policy in selecting
        for rule in policy["spec"].get(direction) or ()
        if _peers(rule.get("to" if direction == "egress" else "from"), policy["metadata"]["namespace"], peer)
        for span in _ports(rule.get("ports"), target)
    ]
    return _merged(spans)


def _selects(policy: Manifest, pod: Endpoint, direction: str) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return (
        policy["metadata"]["namespace"] == pod.namespace
        and direction.capitalize() in types
        and matches(spec.get("podSelector") or {}, pod.labels)
    )


def _peers(peers: Sequence[Mapping[str, Any]] | None, namespace: str, other: Endpoint) -> bool:
    return not peers or any(_peer(peer, namespace, other) for peer in peers)


def _peer(peer: Mapping[str, Any], namespace: str, other: Endpoint) -> bool:
    block = peer.get("ipBlock")
    if block is not None:
        return _in_block(block, other)
    if not other.namespace:
        return False
    spaces, pods = peer.get("namespaceSelector"), peer.get("podSelector")
    in_space = other.namespace == namespace if spaces is None else matches(spaces, other.namespace_labels)
    return in_space and (pods is None or matches(pods, other.labels))


def _in_block(block: Mapping[str, Any], other: Endpoint) -> bool:
    if not other.address:
        return True
    address = ip_address(other.address)
    inside = address in ip_network(block["cidr"], strict=False)
    return inside and not any(address in ip_network(hole, strict=False) for hole in block.get("except") or ())


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether labels fit a label selector. An empty one fits all. Raises ValueError for an unknown operator."""
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _expression(each, labels) for each in selector.get("matchExpressions") or ()
    )


def _expression(each: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = each["key"], each.get("values") or ()
    match each["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f"operator {other!r}")


def _ports(ports: Sequence[Mapping[str, Any]] | None, target: Endpoint) -> Iterator[Span]:
    if not ports:
        yield from EVERYTHING
    for each in ports or ():
        protocol, port = each.get("protocol") or "TCP", each.get("port")
        if port is None:
            yield Span(protocol, 1, LAST_PORT)
        elif isinstance(port, int):
            yield Span(protocol, port, each.get("endPort") or port)
        elif target.ports.get(port, ("", 0))[0] == protocol:
            yield Span(protocol, target.ports[port][1], target.ports[port][1])


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(spans):
        last = merged[-1] if merged else None
        if last is not None and last.protocol == span.protocol and span.first <= last.last + 1:
            merged[-1] = Span(last.protocol, last.first, max(last.last, span.last))
        else:
            merged.append(span)
    return tuple(merged)


def _both(left: Sequence[Span], right: Sequence[Span]) -> tuple[Span, ...]:
    return _merged(
        Span(one.protocol, max(one.first, two.first), min(one.last, two.last))
        for one in left
        for two in right
        if one.protocol == two.protocol and max(one.first, two.first) <= min(one.last, two.last)
    )
