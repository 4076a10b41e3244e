"""What is set around training code, so that a run can be repeated and honest code does not reach for the network. Pure.

Nothing here holds code back: the jail does. A script may change every variable; what was set is what is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from lockgate.sandbox.settings import Limits

_THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    *("LOKY_MAX_CPU_COUNT", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"),
)
_EPOCH = "315532800"
OFFLINE = (
    *(("WANDB_MODE", "offline"), ("NEPTUNE_MODE", "offline"), ("CLEARML_OFFLINE_MODE", "1")),
    *(("HF_HUB_OFFLINE", "1"), ("HF_DATASETS_OFFLINE", "1"), ("TRANSFORMERS_OFFLINE", "1")),
    *(("DO_NOT_TRACK", "1"), ("HF_HUB_DISABLE_TELEMETRY", "1"), ("MLFLOW_DISABLE_TELEMETRY", "true")),
    *(("SCARF_NO_ANALYTICS", "true"), ("YOLO_OFFLINE", "true")),
)
"""Trackers and hubs in the mode in which they write to files and ask nobody."""

_TALKING = (
    ("PYTHONFAULTHANDLER", "1"),  # a process that dies by a signal says so, with its line: children too
    ("OMP_WAIT_POLICY", "passive"),  # threads that spin while they wait stop each other on a busy machine
)
_FEATURE = re.compile(r"(?:sse4|ssse3|avx|amx|fma|f16c|bmi|asimd|sve|bf16|i8mm|neon)\w*\Z")


@dataclass(frozen=True)
class Machine:
    """What of a machine changes how numbers are rounded: `features` are the vector instructions it has."""

    architecture: str
    cpu: str
    cpus: int
    features: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The machine as the provenance carries it."""
        return {**asdict(self), "features": list(self.features)}


def machine_of(architecture: str, cpus: int, cpuinfo: str) -> Machine:
    """The machine that `/proc/cpuinfo` describes; what it does not say stays empty."""
    said = dict(re.findall(r"^([A-Za-z ]+?)\s*:\s*(.*)$", cpuinfo.partition("\n\n")[0], re.MULTILINE))
    features = said.get("flags") or said.get("Features") or ""
    name = said.get("model name") or said.get("CPU part") or ""
    return Machine(architecture, name[:100], cpus, tuple(sorted(set(filter(_FEATURE.match, features.split())))))


def threads_for(cpus: int, limits: Limits) -> int:
    """How many threads numerical libraries use: one for each processor, and far fewer than the jail allows."""
    return max(1, min(cpus, limits.tasks // 8))


@dataclass(frozen=True)
class Surroundings:
    """What decides, beside inputs and code, what a training run gives."""

    seed: int
    threads: int
    machine: Machine

    def repeatable(self) -> tuple[tuple[str, str], ...]:
        """The variables that make a run the same each time."""
        return (
            ("PYTHONHASHSEED", str(self.seed % 2**32)),
            ("SOURCE_DATE_EPOCH", _EPOCH),
            ("LOCKGATE_SEED", str(self.seed)),
            ("PL_GLOBAL_SEED", str(self.seed % 2**32)),
            ("TF_DETERMINISTIC_OPS", "1"),
            ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
            *((name, str(self.threads)) for name in _THREADS),
        )

    def variables(self) -> tuple[tuple[str, str], ...]:
        """All that the train jail's environment has beyond that of any jail."""
        return (*self.repeatable(), *OFFLINE, *_TALKING)

    def as_json(self) -> dict[str, object]:
        """The one key of the provenance under which all of this is recorded."""
        return {
            "seed": self.seed,
            "seeded": {"random": self.seed, "numpy": self.seed % 2**32},
            "threads": self.threads,
            "variables": dict(self.repeatable()),
            "machine": self.machine.as_json(),
        }


def changes(recorded: Mapping[str, object], now: Machine) -> dict[str, dict[str, object]]:
    """Where the machine of a recorded run and this one differ: `{"cpu": {"recorded", "now"}}`."""
    here = now.as_json()
    return {
        name: {"recorded": recorded.get(name), "now": value}
        for name, value in here.items()
        if recorded.get(name) != value
    }
