"""runtime.locked.bom: the bill of materials is a function of the wheels, in CycloneDX 1.6."""

from __future__ import annotations

import json
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from lockgate.core.digest import Digest
from lockgate.runtime.locked import bom

A, B = Digest("sha256:" + "a" * 64), Digest("sha256:" + "b" * 64)


def test_the_wheels_are_components_and_nothing_else_is() -> None:
    """Name, version, purl and SHA-256 of each wheel, sorted; code, rows and the lock are none."""
    listed = bom.components_of(
        [
            ("wheel/torch", B, {"version": "2.13.0+cpu"}),
            ("requirements.lock", A, {}),
            ("code/train.py", A, {"bytes": 3}),
            ("wheel/numpy", A, {"version": "2.4.6"}),
        ]
    )
    assert listed == [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/numpy@2.4.6?checksum=sha256:{'a' * 64}",
            "name": "numpy",
            "version": "2.4.6",
            "purl": "pkg:pypi/numpy@2.4.6",
            "hashes": [{"alg": "SHA-256", "content": "a" * 64}],
        },
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/torch@2.13.0%2Bcpu?checksum=sha256:{'b' * 64}",
            "name": "torch",
            "version": "2.13.0+cpu",
            "purl": "pkg:pypi/torch@2.13.0%2Bcpu",
            "hashes": [{"alg": "SHA-256", "content": "b" * 64}],
        },
    ]


def test_a_declared_licence_is_in_the_bill_in_a_valid_form() -> None:
    """As CycloneDX 1.6's schema wants it; an expression of the wrong type is none to it (positive control)."""
    check = JsonStrictValidator(SchemaVersion.V1_6).validate_str
    licence = "BSD-3-Clause AND LicenseRef-BSD-License"
    (one,) = bom.components_of([("wheel/numpy", A, {"version": "2.4.6", "licence": licence})])
    assert one["licenses"] == [{"expression": licence, "acknowledgement": "declared"}]
    assert check(_bill(one, bom.component("torch", "2.13.0", B))) is None
    assert check(_bill({**one, "licenses": [{"expression": 3}]})) is not None


def _bill(*components: dict[str, Any]) -> str:
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components})
