"""A manifest as the rules read it: which pod it makes, and whether it has the form of its kind. Pure.

Whoever wrote a manifest may have written anything. A field of a wrong type or of no known name is a flaw by itself:
a rule that looked past it would say yes to what it did not understand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.export.kubernetes.spec import COMPONENT, Manifest

_FLAG, _NUMBER, _TEXT, _MAP, _LIST, _TEXTS = "true or false", "a number", "a text", "a map", "a list of maps", "texts"

POD_SPEC = {
    "activeDeadlineSeconds": _NUMBER,
    "automountServiceAccountToken": _FLAG,
    "containers": _LIST,
    "dnsPolicy": _TEXT,
    "enableServiceLinks": _FLAG,
    "ephemeralContainers": _LIST,
    "hostIPC": _FLAG,
    "hostNetwork": _FLAG,
    "hostPID": _FLAG,
    "hostUsers": _FLAG,
    "hostname": _TEXT,
    "imagePullSecrets": _LIST,
    "initContainers": _LIST,
    "nodeName": _TEXT,
    "nodeSelector": _MAP,
    "overhead": _MAP,
    "preemptionPolicy": _TEXT,
    "priority": _NUMBER,
    "priorityClassName": _TEXT,
    "restartPolicy": _TEXT,
    "runtimeClassName": _TEXT,
    "schedulerName": _TEXT,
    "securityContext": _MAP,
    "serviceAccount": _TEXT,
    "serviceAccountName": _TEXT,
    "shareProcessNamespace": _FLAG,
    "terminationGracePeriodSeconds": _NUMBER,
    "tolerations": _LIST,
    "volumes": _LIST,
}
CONTAINER = {
    "args": _TEXTS,
    "command": _TEXTS,
    "env": _LIST,
    "envFrom": _LIST,
    "image": _TEXT,
    "imagePullPolicy": _TEXT,
    "name": _TEXT,
    "ports": _LIST,
    "resources": _MAP,
    "securityContext": _MAP,
    "terminationMessagePath": _TEXT,
    "terminationMessagePolicy": _TEXT,
    "volumeMounts": _LIST,
    "workingDir": _TEXT,
}
_SHARED = {
    "appArmorProfile": _MAP,
    "runAsGroup": _NUMBER,
    "runAsNonRoot": _FLAG,
    "runAsUser": _NUMBER,
    "seLinuxOptions": _MAP,
    "seccompProfile": _MAP,
    "windowsOptions": _MAP,
}
POD_CONTEXT = {
    **_SHARED,
    "fsGroup": _NUMBER,
    "fsGroupChangePolicy": _TEXT,
    "supplementalGroups": "numbers",
    "sysctls": _LIST,
}
CONTEXT = {
    **_SHARED,
    "allowPrivilegeEscalation": _FLAG,
    "capabilities": _MAP,
    "privileged": _FLAG,
    "procMount": _TEXT,
    "readOnlyRootFilesystem": _FLAG,
}
PORT = {"containerPort": _NUMBER, "hostIP": _TEXT, "hostPort": _NUMBER, "name": _TEXT, "protocol": _TEXT}
_TEMPLATES = {"Pod": (), "Job": ("spec", "template"), "Deployment": ("spec", "template")}


@dataclass(frozen=True)
class Pod:
    """The pod that a manifest makes. `kind` is the manifest's own."""

    kind: str
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]

    @property
    def component(self) -> str:
        """The stage that its labels name."""
        return str(get(self.metadata, "labels", COMPONENT) or "")

    @property
    def containers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each container with its place, those that start before and those added later too."""
        for field in ("initContainers", "containers", "ephemeralContainers"):
            for index, container in enumerate(self.spec.get(field) or ()):
                yield f"{field}[{index}]", container

    @property
    def contexts(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each security context with its place."""
        yield "securityContext", get(self.spec, "securityContext") or {}
        for place, container in self.containers:
            yield f"{place}.securityContext", container.get("securityContext") or {}

    def effective(self, field: str) -> Iterator[tuple[str, Any]]:
        """What holds for each container: its own word, else the pod's."""
        common = get(self.spec, "securityContext", field)
        for place, container in self.containers:
            own = get(container, "securityContext", field)
            yield f"{place}.securityContext.{field}", common if own is None else own

    @property
    def volumes(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each volume with its place."""
        for index, volume in enumerate(self.spec.get("volumes") or ()):
            yield f"volumes[{index}]", volume


def get(value: Any, *path: str) -> Any:
    """What is at a path, or None when there is no such place."""
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def name_of(manifest: Manifest) -> str:
    """`Job lockgate-train/train`, for people."""
    parts = (get(manifest, "metadata", "namespace"), get(manifest, "metadata", "name"))
    return f"{manifest.get('kind', '?')} {'/'.join(str(part) for part in parts if part)}"


def pod_of(manifest: Manifest) -> Pod | None:
    """The pod that a manifest makes, None when it makes none. Its form is `flaws_of_pod`'s to judge."""
    path = _TEMPLATES.get(str(manifest.get("kind")))
    if path is None:
        return None
    holder = get(manifest, *path)
    metadata, spec = get(holder, "metadata"), get(holder, "spec")
    return Pod(
        str(manifest["kind"]),
        metadata if isinstance(metadata, Mapping) else {},
        spec if isinstance(spec, Mapping) else {},
    )


def flaws_of_pod(pod: Pod) -> list[str]:
    """Each place that has not the form of a pod, or is not known to these rules."""
    flaws = [*_flaws("spec", pod.spec, POD_SPEC), *_texts("metadata.labels", pod.metadata.get("labels"))]
    if not pod.spec.get("containers"):
        flaws.append("spec.containers is empty")
    if flaws:
        return flaws
    flaws += _flaws("securityContext", pod.spec.get("securityContext") or {}, POD_CONTEXT)
    for place, container in pod.containers:
        flaws += _flaws_of_container(place, container)
    return flaws


def _flaws_of_container(place: str, container: Mapping[str, Any]) -> Iterator[str]:
    flaws = list(_flaws(place, container, CONTAINER))
    yield from flaws
    if not flaws:
        yield from _flaws(f"{place}.securityContext", container.get("securityContext") or {}, CONTEXT)
        for index, port in enumerate(container.get("ports") or ()):
            yield from _flaws(f"{place}.ports[{index}]", port, PORT)
            if port.get("containerPort") is None:
                yield f"{place}.ports[{index}].containerPort is not said"


def _flaws(place: str, value: Mapping[str, Any], known: Mapping[str, str]) -> Iterator[str]:
    for field, inner in value.items():
        if field not in known:
            yield f"{place}.{field} is not known here"
        elif inner is not None and not _fits(inner, known[field]):
            yield f"{place}.{field} is not {known[field]}"


def _fits(value: Any, expected: str) -> bool:
    match expected:
        case "true or false":
            return isinstance(value, bool)
        case "a number":
            return isinstance(value, int) and not isinstance(value, bool)
        case "a text":
            return isinstance(value, str)
        case "a map":
            return isinstance(value, Mapping)
        case "a list of maps":
            return isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value)
        case "numbers":
            return isinstance(value, list | tuple) and all(isinstance(each, int) for each in value)
        case _:
            return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _texts(place: str, value: Any) -> Iterator[str]:
    if value is not None and not (isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values())):
        yield f"{place} is not a map of texts"
