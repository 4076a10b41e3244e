"""What a pod's status says about its way and its end. Pure: a status in, words out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HOPELESS = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
}


def phase(pod: Mapping[str, Any]) -> str:
    """`Pending`, `Running`, `Succeeded`, `Failed`, or "" when nobody has said."""
    return _text(_map(pod.get("status")).get("phase"))


def started(pod: Mapping[str, Any]) -> bool:
    """Whether the container has run at all, so that there is a log."""
    state = _container(pod)
    return "running" in state or "terminated" in state


def hopeless(pod: Mapping[str, Any]) -> str:
    """Why it will never start, or ""."""
    waiting = _map(_container(pod).get("waiting"))
    reason = _text(waiting.get("reason"))
    return _words(reason, waiting.get("message")) if reason in HOPELESS else ""


def waits_for(pod: Mapping[str, Any]) -> str:
    """What it waits for, in the scheduler's or the node's words."""
    conditions = _map(pod.get("status")).get("conditions")
    for each in conditions if isinstance(conditions, list) else []:
        if _map(each).get("type") == "PodScheduled" and _map(each).get("status") == "False":
            return _words(_text(each.get("reason")), each.get("message"))
    waiting = _map(_container(pod).get("waiting"))
    return _words(_text(waiting.get("reason")), waiting.get("message")) or "nobody says for what"


def ended_by(pod: Mapping[str, Any]) -> str:
    """Who ended the pod, when it was not the program itself: evicted, deadline, out of memory; or ""."""
    status = _map(pod.get("status"))
    reason = _text(status.get("reason"))
    if reason:
        return _words(reason, status.get("message"))
    terminated = _map(_container(pod).get("terminated"))
    reason = _text(terminated.get("reason"))
    if reason in ("", "Completed"):
        return ""
    return _words(reason, terminated.get("message")) + f", exit code {terminated.get('exitCode')}"


def _container(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    listed = _map(pod.get("status")).get("containerStatuses")
    first = listed[0] if isinstance(listed, list) and listed else {}
    return _map(_map(first).get("state"))


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _words(reason: str, message: Any) -> str:
    text = f"{reason}: {message}" if message else reason
    return "".join(sign for sign in text[:300] if sign.isprintable())
