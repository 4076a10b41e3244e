"""Whether a NetworkPolicy has a form that `network` understands whole: an unknown field could open something. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from lockgate.export.kubernetes.network import LAST_PORT, PROTOCOLS
from lockgate.export.kubernetes.spec import Manifest

_DIRECTIONS = {"ingress": "from", "egress": "to"}
_OPERATORS = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}


def flaws(policy: Manifest) -> list[str]:
    """Each place of `spec` that is not understood."""
    spec = policy.get("spec")
    if not isinstance(spec, Mapping):
        return ["spec"]
    found = _unknown("spec", spec, {"podSelector", "policyTypes", *_DIRECTIONS})
    found += _selector("spec.podSelector", spec.get("podSelector"))
    types = spec.get("policyTypes") or []
    if not isinstance(types, list | tuple) or any(each not in ("Ingress", "Egress") for each in types):
        found.append("spec.policyTypes")
    for direction, peers in _DIRECTIONS.items():
        for place, rule in _each(f"spec.{direction}", spec.get(direction), found):
            found += _unknown(place, rule, {peers, "ports"})
            for inner, peer in _each(f"{place}.{peers}", rule.get(peers), found):
                found += _peer(inner, peer)
            for inner, port in _each(f"{place}.ports", rule.get("ports"), found):
                found += _port(inner, port)
    return found


def _each(place: str, value: Any, found: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if value is not None and not isinstance(value, list | tuple):
        found.append(place)
        return
    for index, each in enumerate(value or ()):
        if isinstance(each, Mapping):
            yield f"{place}[{index}]", each
        else:
            found.append(f"{place}[{index}]")


def _unknown(place: str, value: Mapping[str, Any], known: set[str]) -> list[str]:
    return [f"{place}.{field}" for field in value if field not in known]


def _peer(place: str, peer: Mapping[str, Any]) -> list[str]:
    found = _unknown(place, peer, {"ipBlock", "namespaceSelector", "podSelector"})
    block = peer.get("ipBlock")
    selectors = [name for name in ("namespaceSelector", "podSelector") if peer.get(name) is not None]
    if (block is None) == (not selectors):
        return [*found, place]
    for name in selectors:
        found += _selector(f"{place}.{name}", peer[name])
    if block is not None and not _is_block(block):
        found.append(f"{place}.ipBlock")
    return found


def _is_block(block: Any) -> bool:
    if not isinstance(block, Mapping) or set(block) - {"cidr", "except"} or "cidr" not in block:
        return False
    holes = block.get("except") or []
    if not isinstance(holes, list | tuple) or not all(isinstance(each, str) for each in (block["cidr"], *holes)):
        return False
    try:
        for each in (block["cidr"], *holes):
            ip_network(each, strict=False)
    except ValueError:
        return False
    return True


def _port(place: str, port: Mapping[str, Any]) -> list[str]:
    found = _unknown(place, port, {"protocol", "port", "endPort"})
    number, last = port.get("port"), port.get("endPort")
    if port.get("protocol") not in (None, *PROTOCOLS):
        found.append(f"{place}.protocol")
    if not (number is None or isinstance(number, str) or _is_port(number)):
        found.append(f"{place}.port")
    if last is not None and not (_is_port(number) and _is_port(last) and number <= last):
        found.append(f"{place}.endPort")
    return found


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LAST_PORT


def _selector(place: str, selector: Any) -> list[str]:
    if selector is None:
        return []
    if not isinstance(selector, Mapping):
        return [place]
    found = _unknown(place, selector, {"matchLabels", "matchExpressions"})
    wanted = selector.get("matchLabels") or {}
    if not isinstance(wanted, Mapping) or not all(isinstance(each, str) for each in wanted.values()):
        found.append(f"{place}.matchLabels")
    for inner, each in _each(f"{place}.matchExpressions", selector.get("matchExpressions"), found):
        values, operator = each.get("values") or [], each.get("operator")
        listed = isinstance(values, list | tuple) and all(isinstance(value, str) for value in values)
        if not (listed and isinstance(each.get("key"), str) and _OPERATORS.get(str(operator)) is bool(values)):
            found.append(inner)
    return found
