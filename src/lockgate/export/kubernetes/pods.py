"""The pods: two jailed jobs, and the gateway with its model worker. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.export.kubernetes.spec import COMPONENT, PART_OF, UID, Jailed, KubernetesSpec, secret_name
from lockgate.sandbox.settings import Limits

GRACE_SECONDS = 10
KEPT_SECONDS = 3600
# What the process that watches the target needs beside it: an interpreter and the frames under way.
OWN_MEMORY = 128 << 20
SOCKET_BYTES = 1 << 20
_NOT_YET = "lockgate.example/not-started"


@dataclass(frozen=True)
class Input:
    """A file that a jailed pod is shown: its name below /in, and its SHA-256 as 64 hex digits."""

    name: str
    sha256: str


def labels(stage: str) -> dict[str, str]:
    """By what the policies know a stage's pods."""
    return {PART_OF: "lockgate", COMPONENT: stage}


def job(
    spec: KubernetesSpec,
    stage: Jailed,
    *,
    name: str = "",
    command: Sequence[str] = (),
    inputs: Sequence[Input] = (),
) -> dict[str, Any]:
    """The Job of a jailed stage. Without a command it is a template: suspended, so that applying it starts nothing.

    Each input is mounted by itself, read-only: a pod that saw the whole store would see the rows that training must
    not see.
    """
    seconds = math.ceil(spec.limits.wall_seconds)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name or stage, "namespace": spec.home(stage), "labels": labels(stage)},
        "spec": {
            "suspend": not command,
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds + GRACE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {"labels": labels(stage)},
                "spec": _jailed(spec, stage, name or stage, command, inputs, seconds),
            },
        },
    }


def _jailed(
    spec: KubernetesSpec, stage: str, name: str, command: Sequence[str], inputs: Sequence[Input], seconds: int
) -> dict[str, Any]:
    limits = spec.limits
    scratch = {"tmp": limits.tmp_bytes, "out": limits.output_bytes}
    volumes: list[dict[str, Any]] = [
        *({"name": name, "emptyDir": {"sizeLimit": str(size)}} for name, size in scratch.items()),
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": str(limits.shm_bytes)}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "out", "mountPath": "/out"},
        {"name": "shm", "mountPath": "/dev/shm"},
    ]
    if inputs:
        volumes.append({"name": "in", **_source(spec, name)})
        mounts += [
            {"name": "in", "mountPath": f"/in/{each.name}", "subPath": _sub_path(spec, each), "readOnly": True}
            for each in inputs
        ]
    container = {
        "name": stage,
        "image": spec.image,
        "command": list(command) or ["python", "-m", "lockgate.sandbox.pod"],
        "env": [
            {"name": "HOME", "value": "/tmp"},
            {"name": "LOCKGATE_DATA", "value": "/in"},
            {"name": "LOCKGATE_OUT", "value": "/out"},
        ],
        "resources": _resources(spec.cores, limits.memory + limits.shm_bytes + OWN_MEMORY, _disk(limits)),
        "volumeMounts": mounts,
        "securityContext": _container_context(),
    }
    pod = _pod(stage, [container], volumes, restart="Never")
    pod["activeDeadlineSeconds"] = seconds
    if spec.runtime_class:
        pod["runtimeClassName"] = spec.runtime_class
    return pod


def gateway(spec: KubernetesSpec) -> dict[str, Any]:
    """Gateway and model worker: two containers of one pod, joined by a socket in memory.

    None is started: the worker takes an inherited socket, none from a folder, and no certificate is mounted, without
    which a gateway answers on loopback alone. The object stands so that its rights, its network and its limits can be
    reviewed.
    """
    socket = {"name": "socket", "mountPath": "/run/lockgate"}
    limits = spec.limits
    answering = {
        "name": "gateway",
        "image": spec.image,
        "command": ["python", "-m", "lockgate", "serve", "--port", str(spec.port)],
        "ports": [{"name": "predict", "containerPort": spec.port, "protocol": "TCP"}],
        "resources": _resources(1, 512 << 20, limits.tmp_bytes),
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            socket,
            {"name": "edge", "mountPath": "/run/secrets/lockgate", "readOnly": True},
        ],
        "securityContext": _container_context(),
    }
    worker = {
        "name": "worker",
        "image": spec.image,
        "command": ["python", "-m", "lockgate.runtime.jail.worker"],
        "resources": _resources(spec.cores, limits.memory, limits.tmp_bytes),
        "volumeMounts": [socket],
        "securityContext": _container_context(),
    }
    volumes = [
        {"name": "tmp", "emptyDir": {"sizeLimit": str(limits.tmp_bytes)}},
        {"name": "socket", "emptyDir": {"medium": "Memory", "sizeLimit": str(SOCKET_BYTES)}},
        {"name": "edge", "secret": {"secretName": secret_name("edge"), "defaultMode": 0o440, "optional": False}},
    ]
    pod = _pod("serve", [answering, worker], volumes, restart="Always")
    pod["securityContext"]["fsGroup"] = UID  # whoever may read the Secret's files
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "gateway",
            "namespace": spec.namespace,
            "labels": labels("serve"),
            "annotations": {_NOT_YET: "its worker takes no socket from a folder yet, and it has no certificate"},
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels("serve")},
            "template": {"metadata": {"labels": labels("serve")}, "spec": pod},
        },
    }


def _pod(
    stage: str, containers: list[dict[str, Any]], volumes: list[dict[str, Any]], *, restart: str
) -> dict[str, Any]:
    return {
        "serviceAccountName": stage,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "shareProcessNamespace": False,
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": containers,
        "volumes": volumes,
    }


def _container_context() -> dict[str, Any]:
    return {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _resources(cores: int, memory: int, disk: int) -> dict[str, Any]:
    """Requests as high as limits: the pod is of the class that is evicted last, and no neighbour slows it down."""
    amounts = {"cpu": str(cores), "memory": str(memory), "ephemeral-storage": str(disk)}
    return {"requests": dict(amounts), "limits": dict(amounts)}


def _disk(limits: Limits) -> int:
    return limits.tmp_bytes + limits.output_bytes + 2 * limits.talk_bytes


def _source(spec: KubernetesSpec, name: str) -> dict[str, Any]:
    if spec.claim:
        return {"persistentVolumeClaim": {"claimName": spec.claim, "readOnly": True}}
    return {"configMap": {"name": name, "optional": False, "defaultMode": 0o444}}


def _sub_path(spec: KubernetesSpec, each: Input) -> str:
    return f"sha256/{each.sha256}" if spec.claim else each.sha256
