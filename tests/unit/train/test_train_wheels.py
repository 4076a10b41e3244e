"""What the provenance says of each wheel: version, licence, and the source that it was built of."""

from __future__ import annotations

from pathlib import Path

from lockgate.core.digest import Digest
from lockgate.runtime.environment import Environment, Wheel
from lockgate.train.run import wheels

A, B, C = (Digest("sha256:" + letter * 64) for letter in "abc")


def test_each_wheel_has_its_facts() -> None:
    """A licence that cannot be read is no annotation: whoever reads the statement counts it as unknown."""
    made = (Wheel("numpy", "2.4.6", A, "BSD-3-Clause"), Wheel("odd", "1.0", B))
    found = wheels(Environment(Path("/env"), C, C, made), built={B: C})
    assert [(each.name, dict(each.facts)) for each in found] == [
        ("requirements.lock", {}),
        ("wheel/numpy", {"version": "2.4.6", "licence": "BSD-3-Clause"}),
        ("wheel/odd", {"version": "1.0", "built_of": C}),
    ]
    assert wheels(None) == []
