"""train.gpu: only what a GPU needs, from a listing; and evidence that says the isolation is weaker."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.errors import Unfit
from lockgate.sandbox.settings import Limits, PythonEnv
from lockgate.train import gpu
from lockgate.train.gpu import Devices, find
from lockgate.train.jails import train_settings
from lockgate.train.surroundings import Machine, Surroundings

NVIDIA = [
    *("/dev/null", "/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"),
    *("/dev/nvidia-modeset", "/dev/mem", "/dev/kvm", "/dev/dri/card0", "/dev/dri/renderD128", "/dev/nvidia-caps"),
]
CUDA = ["/usr/lib64/libcuda.so.1", "/usr/lib64/libc.so.6", "/usr/lib64/libcuda.so.1.evil", "/usr/lib64/notlibcuda.so.1"]
AMD = ["/dev/kfd", "/dev/dri/renderD128", "/dev/dri/card0", "/dev/null"]
HSA = ["/usr/lib64/libhsa-runtime64.so.1"]


def test_only_what_a_gpu_needs() -> None:
    """Compute nodes and the driver; no display, no profiler, no memory, no virtual machines."""
    assert find(NVIDIA, CUDA) == Devices(
        "nvidia",
        ("/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm"),
        ("/usr/lib64/libcuda.so.1",),
    )
    assert find(AMD, HSA) == Devices("amd", ("/dev/kfd", "/dev/dri/renderD128"), tuple(HSA))


@pytest.mark.parametrize(
    ("nodes", "libraries", "says"),
    [
        ([], CUDA, "no GPU"),
        (["/dev/dri/renderD128"], HSA, "no GPU"),
        ([node for node in NVIDIA if node != "/dev/nvidia-uvm"], CUDA, "no /dev/nvidia-uvm"),
        (NVIDIA, [], "driver library"),
        (AMD, CUDA, "driver library"),
        (["/dev/nvidia0x", "/dev/nvidiactl", "/dev/nvidia-uvm"], CUDA, "no GPU"),
    ],
)
def test_without_a_usable_gpu_the_run_does_not_begin(nodes: list[str], libraries: list[str], says: str) -> None:
    """No device, half a driver: this machine cannot, and the person is told what to do."""
    with pytest.raises(Unfit) as raised:
        find(nodes, libraries)
    assert (raised.value.finding, says in raised.value.message, bool(raised.value.next)) == ("LG378", True, True)


def test_the_evidence_says_that_it_is_weaker() -> None:
    """Never above level 2, with reason and devices; without a GPU the report is as it was; policy decides."""
    report = {"level": 3, "probes": []}
    said = gpu.weaker(report, find(NVIDIA, CUDA))
    assert (said["level"], said["weaker"]) == (2, gpu.WEAKER)
    assert "/dev/nvidia0" in str(said["devices"])
    assert gpu.weaker({"level": 0}, find(AMD, HSA))["level"] == 0
    assert gpu.weaker(report, None) == report
    gpu.check_level(2)
    with pytest.raises(Unfit) as raised:
        gpu.check_level(3)
    assert (raised.value.finding, raised.value.exit_code) == ("LG379", 4)


def test_the_jail_gets_the_nodes_and_no_other() -> None:
    """The settings name exactly the nodes that were found; without a GPU none."""
    around = Surroundings(0, 1, Machine("x86_64", "", 1, ()))

    def shown(devices: Devices | None) -> tuple[Path, ...]:
        return train_settings(PythonEnv.own(), Limits(), Path("/"), None, around, devices=devices).devices

    assert shown(find(AMD, HSA)) == (Path("/dev/kfd"), Path("/dev/dri/renderD128"))
    assert shown(None) == ()
