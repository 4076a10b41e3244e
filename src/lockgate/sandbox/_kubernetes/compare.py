"""Whether a pod that was read back is the pod that was submitted. Pure.

A cluster fills in defaults, and its admission may change a pod before it starts. What it may add is listed; anything
else that is different is told, be it harmless or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

POD_ADDS = frozenset(
    {
        "dnsPolicy",
        "imagePullSecrets",
        "nodeName",
        "nodeSelector",
        "overhead",
        "preemptionPolicy",
        "priority",
        "priorityClassName",
        "schedulerName",
        "serviceAccount",
        "tolerations",
    }
)
CONTAINER_ADDS = frozenset({"imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy"})
_UNITS = {"": 1.0, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_UNITS |= {f"{sign}i": float(1 << 10 * power) for power, sign in enumerate("KMGT", 1)}
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)\Z")


def differences(submitted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Each place of a pod's spec that is not as submitted."""
    return list(_map("spec", submitted, found, POD_ADDS))


def _map(place: str, submitted: Mapping[str, Any], found: Mapping[str, Any], adds: frozenset[str]) -> Iterator[str]:
    for field in sorted({*submitted, *found} - (adds - set(submitted))):
        here, there = submitted.get(field), found.get(field)
        if field == "containers" and isinstance(there, list) and len(there) == len(here or ()):
            for index, (one, two) in enumerate(zip(here or (), there, strict=True)):
                found_one = two if isinstance(two, Mapping) else {}
                yield from _map(f"{place}.containers[{index}]", one, found_one, CONTAINER_ADDS)
        elif field == "resources":
            if _amounts(here) != _amounts(there):
                yield f"{place}.resources"
        elif _bare(here) != _bare(there):
            yield f"{place}.{field}"


def _bare(value: Any) -> Any:
    """A value without what an API leaves out when it writes it: nothing, false, and what is empty."""
    if isinstance(value, Mapping):
        inner = {key: _bare(each) for key, each in value.items()}
        return {key: each for key, each in inner.items() if each not in (None, {}, [])} or None
    if isinstance(value, list | tuple):
        return [_bare(each) for each in value] or None
    return None if value is False or value == "" else value


def _amounts(resources: Any) -> Any:
    """Limits and requests as numbers: an API may write 2147483648 as 2Gi."""
    if not isinstance(resources, Mapping):
        return resources
    return {
        key: {name: _amount(each) for name, each in value.items()} if isinstance(value, Mapping) else value
        for key, value in resources.items()
    }


def _amount(text: Any) -> Any:
    match = _AMOUNT.match(str(text))
    return float(match[1]) * _UNITS[match[2]] if match is not None and match[2] in _UNITS else text
