"""What the policy of a scene asks for: attacks on a rule that it does not have have nothing to be tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.trust.policy import FILENAME, Policy, default_policy

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene
    from lockgate.trust.policy import EnvironmentPolicy


def asked(scene: Scene, environment: str) -> EnvironmentPolicy:
    """The rules of one environment, as the twin was founded with them. Raises Usage (LG840, LG843)."""
    path = scene.root / FILENAME
    return Policy.from_text(path.read_text("utf-8") if path.exists() else default_policy()).environment(environment)
