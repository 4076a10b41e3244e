"""What every pod must be: the Pod Security Standard `restricted`, and what it does not ask. Pure.

Each rule looks at one thing, so that one changed field breaks one rule (a test changes each of them). The levels are
those of the standard: `baseline` and `restricted`, and `lockgate` for what is ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lockgate.export.kubernetes.manifest import Pod, get
from lockgate.export.kubernetes.spec import JAILED, pinned

Level = Literal["baseline", "restricted", "lockgate"]
LONGEST_GRACE = 60
VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}

# Tuples, not sets: what is looked for may be of any type.
_PROFILES = ("RuntimeDefault", "Localhost")
_SELINUX_TYPES = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SAFE_SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
)
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_AMOUNT = re.compile(r"[0-9]*[1-9][0-9]*(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?\Z")
_BOUNDED = ("cpu", "memory", "ephemeral-storage")


@dataclass(frozen=True)
class PodRule:
    """One rule. `check` gives each place that breaks it."""

    name: str
    level: Level
    why: str
    check: Callable[[Pod], Iterator[str]]


def _host_process(pod: Pod) -> Iterator[str]:
    for place, context in pod.contexts:
        if get(context, "windowsOptions", "hostProcess") not in (None, False):
            yield f"{place}.windowsOptions.hostProcess"


def _host_namespaces(pod: Pod) -> Iterator[str]:
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(field))


def _privileged(pod: Pod) -> Iterator[str]:
    yield from (f"{place}.privileged" for place, context in pod.contexts if context.get("privileged"))


def _capabilities(context: Any, word: str) -> list[Any]:
    listed = get(context, "capabilities", word)
    return list(listed) if isinstance(listed, list | tuple) else ([] if listed is None else [listed])


def _capabilities_added(pod: Pod) -> Iterator[str]:
    for place, context in pod.contexts:
        if _capabilities(context, "add"):
            yield f"{place}.capabilities.add"


def _capabilities_dropped(pod: Pod) -> Iterator[str]:
    for place, container in pod.containers:
        if "ALL" not in _capabilities(container.get("securityContext"), "drop"):
            yield f"{place}.securityContext.capabilities.drop"


def _host_path(pod: Pod) -> Iterator[str]:
    yield from (f"{place}.hostPath" for place, volume in pod.volumes if "hostPath" in volume)


def _host_ports(pod: Pod) -> Iterator[str]:
    for place, container in pod.containers:
        for index, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort") not in (None, 0) or port.get("hostIP"):
                yield f"{place}.ports[{index}].hostPort"


def _apparmor(pod: Pod) -> Iterator[str]:
    for place, context in pod.contexts:
        if "appArmorProfile" in context and get(context, "appArmorProfile", "type") not in _PROFILES:
            yield f"{place}.appArmorProfile"
    for key, value in (get(pod.metadata, "annotations") or {}).items():
        if key.startswith(_APPARMOR) and value != "runtime/default" and not str(value).startswith("localhost/"):
            yield f"metadata.annotations[{key}]"


def _selinux(pod: Pod) -> Iterator[str]:
    for place, context in pod.contexts:
        options = context.get("seLinuxOptions") or {}
        if options.get("type") not in _SELINUX_TYPES or options.get("user") or options.get("role"):
            yield f"{place}.seLinuxOptions"


def _proc_mount(pod: Pod) -> Iterator[str]:
    for place, context in pod.contexts:
        if context.get("procMount") not in (None, "Default"):
            yield f"{place}.procMount"


def _sysctls(pod: Pod) -> Iterator[str]:
    for index, sysctl in enumerate(get(pod.spec, "securityContext", "sysctls") or ()):
        if sysctl.get("name") not in _SAFE_SYSCTLS:
            yield f"securityContext.sysctls[{index}]"


def _seccomp(pod: Pod) -> Iterator[str]:
    for place, profile in pod.effective("seccompProfile"):
        if get(profile, "type") not in _PROFILES:
            yield place


def _volume_types(pod: Pod) -> Iterator[str]:
    for place, volume in pod.volumes:
        kinds = set(volume) - {"name", "hostPath"}
        if not kinds <= VOLUMES or (not kinds and "hostPath" not in volume):
            yield f"{place} ({', '.join(sorted(kinds - VOLUMES)) or 'no source'})"


def _escalation(pod: Pod) -> Iterator[str]:
    for place, container in pod.containers:
        if get(container, "securityContext", "allowPrivilegeEscalation") is not False:
            yield f"{place}.securityContext.allowPrivilegeEscalation"


def _non_root(pod: Pod) -> Iterator[str]:
    yield from (place for place, value in pod.effective("runAsNonRoot") if value is not True)


def _user(pod: Pod) -> Iterator[str]:
    yield from (place for place, value in pod.effective("runAsUser") if value is None or value <= 0)


def _group(pod: Pod) -> Iterator[str]:
    yield from (place for place, value in pod.effective("runAsGroup") if value is None or value <= 0)
    context = pod.spec.get("securityContext") or {}
    if 0 in (context.get("supplementalGroups") or ()) or context.get("fsGroup") == 0:
        yield "securityContext.supplementalGroups"


def _image(pod: Pod) -> Iterator[str]:
    yield from (f"{place}.image" for place, container in pod.containers if not pinned(container.get("image")))


def _root_filesystem(pod: Pod) -> Iterator[str]:
    for place, container in pod.containers:
        if get(container, "securityContext", "readOnlyRootFilesystem") is not True:
            yield f"{place}.securityContext.readOnlyRootFilesystem"


def _token(pod: Pod) -> Iterator[str]:
    if pod.spec.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken"


def _service_links(pod: Pod) -> Iterator[str]:
    if pod.spec.get("enableServiceLinks") is not False:
        yield "enableServiceLinks"


def _account(pod: Pod) -> Iterator[str]:
    if pod.spec.get("serviceAccountName") in (None, "", "default"):
        yield "serviceAccountName"


def _amounts(pod: Pod, kind: str) -> Iterator[str]:
    for place, container in pod.containers:
        for name in _BOUNDED:
            if not _AMOUNT.match(str(get(container, "resources", kind, name))):
                yield f"{place}.resources.{kind}.{name}"


def _limits(pod: Pod) -> Iterator[str]:
    return _amounts(pod, "limits")


def _requests(pod: Pod) -> Iterator[str]:
    return _amounts(pod, "requests")


def _empty_dirs(pod: Pod) -> Iterator[str]:
    for place, volume in pod.volumes:
        if "emptyDir" in volume and not _AMOUNT.match(str(get(volume, "emptyDir", "sizeLimit"))):
            yield f"{place}.emptyDir.sizeLimit"


def _claims(pod: Pod) -> Iterator[str]:
    for place, volume in pod.volumes:
        if "persistentVolumeClaim" in volume and get(volume, "persistentVolumeClaim", "readOnly") is not True:
            yield f"{place}.persistentVolumeClaim.readOnly"


def _environment(pod: Pod) -> Iterator[str]:
    for place, container in pod.containers:
        if container.get("envFrom"):
            yield f"{place}.envFrom"
        for index, variable in enumerate(container.get("env") or ()):
            if variable.get("valueFrom") is not None:
                yield f"{place}.env[{index}].valueFrom"


def _keys(pod: Pod) -> Iterator[str]:
    if pod.kind != "Deployment" or pod.component in JAILED:
        yield from (f"{place}.secret" for place, volume in pod.volumes if "secret" in volume)


def _deadline(pod: Pod) -> Iterator[str]:
    if pod.kind != "Deployment" and not pod.spec.get("activeDeadlineSeconds"):
        yield "activeDeadlineSeconds"


def _restart(pod: Pod) -> Iterator[str]:
    if pod.spec.get("restartPolicy") != ("Always" if pod.kind == "Deployment" else "Never"):
        yield "restartPolicy"


def _grace(pod: Pod) -> Iterator[str]:
    seconds = pod.spec.get("terminationGracePeriodSeconds")
    if seconds is None or not 0 <= seconds <= LONGEST_GRACE:
        yield "terminationGracePeriodSeconds"


def _processes(pod: Pod) -> Iterator[str]:
    if pod.spec.get("shareProcessNamespace"):
        yield "shareProcessNamespace"


def _late(pod: Pod) -> Iterator[str]:
    if pod.spec.get("ephemeralContainers"):
        yield "ephemeralContainers"


RULES: tuple[PodRule, ...] = (
    PodRule("host-process", "baseline", "a process of the node", _host_process),
    PodRule("host-namespaces", "baseline", "the node's network, processes or memory", _host_namespaces),
    PodRule("privileged", "baseline", "every right of the node's root", _privileged),
    PodRule("capabilities-added", "restricted", "a right of root", _capabilities_added),
    PodRule("host-path", "baseline", "the node's files", _host_path),
    PodRule("host-ports", "baseline", "a port past every NetworkPolicy", _host_ports),
    PodRule("apparmor", "baseline", "the runtime's profile is off", _apparmor),
    PodRule("selinux", "baseline", "a label of the node", _selinux),
    PodRule("proc-mount", "baseline", "an unmasked /proc", _proc_mount),
    PodRule("sysctls", "baseline", "settings of the node's kernel", _sysctls),
    PodRule("seccomp", "restricted", "every system call of the kernel", _seccomp),
    PodRule("volume-types", "restricted", "a volume of a kind that nobody needs here", _volume_types),
    PodRule("privilege-escalation", "restricted", "a set-user-id program gains rights", _escalation),
    PodRule("run-as-non-root", "restricted", "the image may say root", _non_root),
    PodRule("run-as-user", "restricted", "root inside is root of the node where no user namespace is", _user),
    PodRule("capabilities-dropped", "restricted", "the runtime's own rights stay", _capabilities_dropped),
    PodRule("run-as-group", "lockgate", "root's group reads root's files", _group),
    PodRule("image-digest", "lockgate", "a tag can be moved to other bytes", _image),
    PodRule("read-only-root", "lockgate", "the program can be written over", _root_filesystem),
    PodRule("no-token", "lockgate", "a way into the cluster's API", _token),
    PodRule("service-links", "lockgate", "addresses of every service in the environment", _service_links),
    PodRule("service-account", "lockgate", "whatever somebody gave to the default account", _account),
    PodRule("limits", "lockgate", "one pod takes the node", _limits),
    PodRule("requests", "lockgate", "the pod is evicted first, or lands where there is no room", _requests),
    PodRule("empty-dir-size", "lockgate", "one pod fills the node's disk or memory", _empty_dirs),
    PodRule("claims-read-only", "lockgate", "a jailed pod changes what others verify", _claims),
    PodRule("environment", "lockgate", "secrets in the environment are inherited and printed", _environment),
    PodRule("no-keys", "lockgate", "a jail holds a key", _keys),
    PodRule("deadline", "lockgate", "a pod that never ends", _deadline),
    PodRule("restart", "lockgate", "untrusted code gets a second run that nobody watches", _restart),
    PodRule("grace", "lockgate", "a pod that outlives its end", _grace),
    PodRule("own-processes", "lockgate", "one container reads another one's memory", _processes),
    PodRule("no-late-containers", "lockgate", "a container that was added while the pod ran", _late),
)
