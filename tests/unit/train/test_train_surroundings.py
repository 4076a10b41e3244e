"""train.surroundings and the limits of `[train]`: what is set is what is recorded, and every key reaches the jail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lockgate.config import read_config
from lockgate.pipeline.specs import train_spec
from lockgate.sandbox.settings import Limits, PythonEnv
from lockgate.train.jails import train_settings
from lockgate.train.machine import machine
from lockgate.train.surroundings import OFFLINE, Machine, Surroundings, changes, machine_of, threads_for

CONFIG = """
[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:Flight"
label = "late"
[train]
"""
DEFAULTS = Limits(
    memory=2 << 30,
    tasks=256,
    files=1024,
    cpu_seconds=14_400,
    wall_seconds=7200,
    output_bytes=256 << 20,
    tmp_bytes=256 << 20,
    shm_bytes=64 << 20,
    inodes=10_000,
)
HERE = Machine("x86_64", "Some CPU", 4, ("avx2",))


def _limits(line: str) -> Limits:
    spec = train_spec(read_config(CONFIG + line + "\n"))
    around = Surroundings(spec.seed, 1, HERE)
    return train_settings(PythonEnv.own(), spec.limits, Path("/"), None, around).limits


def test_the_defaults_are_the_documented_ones() -> None:
    """2 GiB, 256 tasks, 1,024 descriptors, finite time, and sized file systems, without a line in lockgate.toml."""
    assert _limits("") == DEFAULTS


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ('memory = "3 GiB"', "memory", 3 << 30),
        ("tasks = 99", "tasks", 99),
        ("descriptors = 99", "files", 99),
        ('cpu = "9 s"', "cpu_seconds", 9),
        ('time = "9 min"', "wall_seconds", 540),
        ('out = "9 MiB"', "output_bytes", 9 << 20),
        ('tmp = "9 MiB"', "tmp_bytes", 9 << 20),
        ('shm = "9 MiB"', "shm_bytes", 9 << 20),
        ("inodes = 999", "inodes", 999),
    ],
)
def test_each_key_reaches_the_jail(line: str, field: str, value: int) -> None:
    """One changed key changes one limit of the train jail's settings, and no other."""
    found = vars(_limits(line))
    assert (found[field], {name for name in found if found[name] != vars(DEFAULTS)[name]}) == (value, {field})


def test_what_is_set_is_recorded() -> None:
    """Seed, hash seed, threads and source epoch stand under one key as they stand in the jail's environment."""
    around = Surroundings(2**32 + 7, 3, HERE)
    settings = train_settings(PythonEnv.own(), Limits(), Path("/"), None, around)
    inside = dict(settings.environment)
    said: dict[str, Any] = around.as_json()
    assert (inside["PYTHONHASHSEED"], inside["LOCKGATE_SEED"], inside["OMP_NUM_THREADS"]) == ("7", str(2**32 + 7), "3")
    assert (said["seed"], said["seeded"]["numpy"], said["threads"]) == (2**32 + 7, 7, 3)
    assert said["variables"].items() <= inside.items()
    assert {"SOURCE_DATE_EPOCH", "OPENBLAS_NUM_THREADS", "PL_GLOBAL_SEED"} <= set(said["variables"])
    assert dict(OFFLINE).items() <= inside.items()
    assert said["machine"] == {"architecture": "x86_64", "cpu": "Some CPU", "cpus": 4, "features": ["avx2"]}


def test_threads_leave_room() -> None:
    """One thread for each processor, and never so many that the jail's own limit is near."""
    assert [threads_for(4, Limits()), threads_for(64, Limits(tasks=80)), threads_for(2, Limits(tasks=8))] == [4, 10, 1]


def test_a_machine_is_described_by_what_changes_numbers() -> None:
    """The first processor's name and vector instructions; a difference is told by both sides."""
    intel = "processor\t: 0\nmodel name\t: Fast 9\nflags\t\t: fpu avx2 avx512f fma mtrr\n\nprocessor\t: 1\n"
    assert machine_of("x86_64", 2, intel) == Machine("x86_64", "Fast 9", 2, ("avx2", "avx512f", "fma"))
    arm = "processor\t: 0\nFeatures\t: fp asimd sve\nCPU part\t: 0xd40\n"
    assert machine_of("aarch64", 2, arm) == Machine("aarch64", "0xd40", 2, ("asimd", "sve"))
    assert machine_of("riscv64", 1, "") == Machine("riscv64", "", 1, ())
    assert changes(HERE.as_json(), HERE) == {}
    assert changes({**HERE.as_json(), "cpus": 8}, HERE) == {"cpus": {"recorded": 8, "now": 4}}
    assert machine().architecture
