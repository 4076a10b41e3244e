"""The wheels of an environment as CycloneDX 1.6 components. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lockgate.core.digest import Digest, hex_of

FILENAME = "bom.cdx.json"
_WHEEL = "wheel/"


def component(name: str, version: str, digest: Digest, licence: str = "") -> dict[str, Any]:
    """One wheel as a CycloneDX component; `name` is in normal form, `licence` an SPDX expression that it declares."""
    purl = f"pkg:pypi/{name}@{version.replace('+', '%2B').replace('!', '%21')}"
    declared = {"licenses": [{"expression": licence, "acknowledgement": "declared"}]} if licence else {}
    return {
        "type": "library",
        "bom-ref": f"{purl}?checksum=sha256:{hex_of(digest)}",
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": hex_of(digest)}],
        **declared,
    }


def components_of(dependencies: Iterable[tuple[str, Digest, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The wheels among the resolved dependencies of a train statement (name, digest, annotations), sorted."""
    found = [
        component(name.removeprefix(_WHEEL), str(facts.get("version", "")), digest, str(facts.get("licence", "")))
        for name, digest, facts in dependencies
        if name.startswith(_WHEEL)
    ]
    return sorted(found, key=lambda each: str(each["bom-ref"]))
