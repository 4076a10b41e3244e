"""Which device nodes a GPU needs, from a listing of what is there. `find` is pure; `look` lists.

    NVIDIA   /dev/nvidia0...   /dev/nvidiactl   /dev/nvidia-uvm     libcuda.so.1
    AMD      /dev/kfd          /dev/dri/renderD128...               libhsa-runtime64.so.1

Nothing else: no display (`card0`, `nvidia-modeset`), no profiler (`nvidia-uvm-tools`). A driver takes thousands of
commands through ioctl, from code that we do not trust, and neither the filter nor a namespace looks into them: that is
why a jail with a GPU is of level 2 at most, and says so. None of this could be tried on a machine with a GPU.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lockgate.errors import Unfit

LEVEL = 2
"""The most that a jail with a device can prove."""

WEAKER = "the jail shows a GPU: its driver takes commands that no filter looks into"

_NVIDIA = re.compile(r"/dev/nvidia[0-9]{1,3}\Z")
_NVIDIA_ALWAYS = ("/dev/nvidiactl", "/dev/nvidia-uvm")
_RENDER = re.compile(r"/dev/dri/renderD[0-9]{1,4}\Z")
_COMPUTE = "/dev/kfd"
_LIBRARIES = {
    "nvidia": re.compile(r"lib(cuda|nvidia-ptxjitcompiler|nvidia-ml|nvidia-nvvm)\.so\.[0-9.]+\Z"),
    "amd": re.compile(r"lib(hsa-runtime64|amdhip64|drm_amdgpu)\.so\.[0-9.]+\Z"),
}
_PLACES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
"""What every jail shows of the host's libraries: a driver elsewhere cannot be loaded inside."""


@dataclass(frozen=True)
class Devices:
    """The nodes that a jail is to show, and the driver's libraries, which it shows already, for the evidence."""

    kind: Literal["nvidia", "amd"]
    nodes: tuple[str, ...]
    libraries: tuple[str, ...]


def find(nodes: Iterable[str], libraries: Iterable[str]) -> Devices:
    """The GPU among `nodes` (paths of devices) with its driver among `libraries` (paths of files).

    Raises Unfit LG378 when a node that is needed, or the driver's library, is not among them.
    """
    seen, files = set(nodes), sorted(libraries)
    cards = sorted(filter(_NVIDIA.match, seen))
    if cards:
        lost = [node for node in _NVIDIA_ALWAYS if node not in seen]
        if lost:
            raise _unfit(f"there is {cards[0]} and no {lost[0]}", "nvidia-modprobe -u -c 0   # makes the nodes")
        return Devices("nvidia", (*cards, *_NVIDIA_ALWAYS), _driver("nvidia", files))
    renderers = sorted(filter(_RENDER.match, seen))
    if renderers and _COMPUTE in seen:
        return Devices("amd", (_COMPUTE, *renderers), _driver("amd", files))
    raise _unfit("this machine has no GPU that training could use", "set gpu = false in lockgate.toml: [train]")


def look() -> Devices:
    """The GPU of this machine. Raises Unfit LG378."""
    nodes = [*_listed("/dev"), *_listed("/dev/dri")]
    return find(nodes, [path for place in _PLACES for path in _listed(place)])


def check_level(least: int) -> None:
    """Raises Unfit LG379 when the policy asks for more than a jail with a GPU can prove."""
    if least > LEVEL:
        raise Unfit(
            "LG379",
            f"a jail that shows a GPU is of level {LEVEL} at most, and the policy asks for {least}",
            seen={"level": LEVEL, "least": least},
            next=f"set min_jail_level = {LEVEL} in policy.toml and sign it, or gpu = false in lockgate.toml: [train]",
        )


def weaker(report: Mapping[str, object], devices: Devices | None) -> dict[str, object]:
    """A jail's report as the evidence carries it: with devices, never above `LEVEL`, and with the reason."""
    if devices is None:
        return dict(report)
    level = report.get("level")
    least = min(level, LEVEL) if isinstance(level, int) else 0
    shown = {"kind": devices.kind, "nodes": list(devices.nodes), "libraries": list(devices.libraries)}
    return {**report, "level": least, "devices": shown, "weaker": WEAKER}


def _driver(kind: Literal["nvidia", "amd"], files: list[str]) -> tuple[str, ...]:
    found = tuple(path for path in files if _LIBRARIES[kind].match(path.rpartition("/")[2]))
    if not found:
        raise _unfit(f"there is a GPU ({kind}) and no driver library below /usr/lib", "install the driver's libraries")
    return found


def _listed(place: str) -> list[str]:
    try:
        return [str(Path(place) / name) for name in os.listdir(place)]
    except OSError:
        return []


def _unfit(message: str, following: str) -> Unfit:
    return Unfit("LG378", message, seen={"setting": "[train] gpu"}, next=following)
