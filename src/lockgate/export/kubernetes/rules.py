"""What manifests must be, whoever wrote them: each pod, each object, and all of them together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lockgate.export.kubernetes import object_rules, pod_rules, set_rules
from lockgate.export.kubernetes.manifest import Pod, flaws_of_pod, get, name_of, pod_of
from lockgate.export.kubernetes.spec import GVISOR, Manifest


@dataclass(frozen=True)
class Broken:
    """One rule that one object breaks: where in it, and what that lets happen."""

    rule: str
    object: str
    place: str
    why: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.object}: {self.place} ({self.why})"

    def as_json(self) -> dict[str, str]:
        """For `--json`."""
        return {"rule": self.rule, "object": self.object, "place": self.place, "why": self.why}


def broken(manifests: Sequence[Manifest]) -> list[Broken]:
    """What a whole set of objects breaks. What holds for the set is asked only when each object has its form."""
    found = [each for manifest in manifests for each in broken_of_object(manifest)]
    if found:
        return found
    return [Broken(rule, where, place, why) for rule, where, place, why in set_rules.check(manifests)]


def broken_of_object(manifest: Manifest) -> list[Broken]:
    """What one object breaks by itself."""
    name = name_of(manifest)
    found = [Broken(rule, name, place, why) for rule, place, why in object_rules.check(manifest)]
    pod = pod_of(manifest)
    if found or pod is None:
        return found
    return _of_pod(pod, name)


def refusals(manifest: Manifest) -> list[str]:
    """What a Job, or a pod that was read back from a cluster, breaks: in words, as the launcher tells it."""
    return [str(each) for each in broken_of_object(manifest)]


def level_of(manifest: Manifest) -> int:
    """The most that a jail may be called whose pod is this: 3 on gVisor, which is another kernel; else 2.

    What the class really is, only the cluster knows.
    """
    pod = pod_of(manifest)
    return 3 if pod is not None and get(pod.spec, "runtimeClassName") == GVISOR else 2


def _of_pod(pod: Pod, name: str) -> list[Broken]:
    flaws = flaws_of_pod(pod)
    if flaws:
        return [Broken("form", name, flaw, "nobody knows what it means") for flaw in flaws]
    return [Broken(rule.name, name, place, rule.why) for rule in pod_rules.RULES for place in rule.check(pod)]


def words(found: Iterable[Broken], most: int = 3) -> str:
    """The first few, for a message."""
    listed = list(found)
    more = f", and {len(listed) - most} more" if len(listed) > most else ""
    return "; ".join(str(each) for each in listed[:most]) + more
