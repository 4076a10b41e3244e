"""Code in a jail that wants to be taken for ours: it lies where an interpreter or a shell looks for programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.sandbox.launch import Jail, JailResult, Target
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named

TOLD = "forged by the folder of the code"
PROGRAM = f"open('/out/forged', 'a').write({TOLD!r})\n"
MODULES = ("sitecustomize", "usercustomize", "os", "json", "ctypes", "encodings/__init__", "lockgate/__init__")


@pytest.fixture(name="job")
def _job(tmp_path: Path) -> Path:
    """A folder of code with a file for every name that is looked for."""
    job = tmp_path / "job"
    for name in (*MODULES, "lockgate/sandbox/jail/harness"):
        (job / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (job / f"{name}.py").write_text(PROGRAM)
    (job / "forged.pth").write_text(f"import builtins; {PROGRAM}")
    (job / "pyvenv.cfg").write_text("home = /job\n")
    for name in ("python", "python3", "true", "sh"):
        (job / name).write_text(f"#!/bin/sh\nprintf '%s' '{TOLD}' >> /out/forged\n")
        (job / name).chmod(0o755)
    return job


def run(job: Path, out: Path, *command: str, environment: tuple[tuple[str, str], ...] = ()) -> JailResult:
    """Run a command with that folder as its code."""
    out.mkdir(exist_ok=True)
    binds = [Bind(job, "/job")]
    limits = Limits(wall_seconds=30)
    settings = named("train", python=PythonEnv.own(), binds=binds, limits=limits, environment=environment)
    return Jail(settings).run(Target(command=command), out_dir=out)


@pytest.mark.parametrize("command", [("true",), ("python3", "-I", "-c", "import json"), ("sh", "-c", "true")])
def test_what_lies_in_the_code_is_not_taken_for_a_program_of_the_system(
    command: tuple[str, ...], job: Path, tmp_path: Path
) -> None:
    """Neither the harness nor a command by its name finds it: every probe held, and nothing forged has run."""
    result = run(job, tmp_path / "out", *command)
    assert result.ok
    assert result.report.open == ()
    assert result.files == {}


@pytest.mark.parametrize("command", [("./true",), ("python3", "-c", "import json")])
def test_the_same_files_run_when_they_are_asked_for(command: tuple[str, ...], job: Path, tmp_path: Path) -> None:
    """The control: they do run for somebody who looks into the folder."""
    result = run(job, tmp_path / "out", *command)
    assert TOLD in result.files["forged"].read_text()


def test_one_of_our_modules_does_not_load_them(job: Path, tmp_path: Path) -> None:
    """A module of ours starts with the folder of the code as its working directory, and not on its path."""
    (tmp_path / "out").mkdir()
    settings = named("train", python=PythonEnv.own(), binds=[Bind(job, "/job")], limits=Limits(wall_seconds=30))
    result = Jail(settings).run(Target("lockgate.contract.jail.outcome"), out_dir=tmp_path / "out")
    assert b"forged" not in result.talk
    assert "forged" not in result.files


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_AUDIT", "GCONV_PATH", "LOCPATH", "GLIBC_TUNABLES"])
def test_a_variable_that_the_c_library_obeys_is_refused(name: str, job: Path, tmp_path: Path) -> None:
    """It would decide what runs in the harness before its first probe; a variable of nobody's passes."""
    with pytest.raises(ValueError, match=name):
        run(job, tmp_path / "out", "true", environment=((name, "/job"),))
    assert run(job, tmp_path / "other", "true", environment=(("EPOCHS", "1"),)).ok
