"""A target in a pod tries to speak for the pod: to write into its log, past the pipe that it was given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lockgate.sandbox._kubernetes.stream import LogReader
from lockgate.sandbox.pod_request import Request

FORGE = """
import os
for place in (f"/proc/{os.getppid()}/fd/1", f"/proc/{os.getppid()}/mem"):
    try:
        with open(place, "ab") as log:
            log.write(b"FORGED\\n")
    except OSError as error:
        print("refused", error.errno)
"""
# The pod's own entry, with its first step left out.
OPEN = "import sys; from lockgate.sandbox import pod; pod._SET_DUMPABLE = 0; sys.exit(pod.main(sys.argv[1:]))"


# Root may read everybody, which root without this right may not; an ordinary user has none of it anyhow.
AS_A_USER = ("setpriv", "--bounding-set", "-sys_ptrace") if os.getuid() == 0 else ()


def log_of(folder: Path, *start: str) -> list[str]:
    """The log of a pod that runs the attack."""
    environment = {"LOCKGATE_DATA": str(folder), "LOCKGATE_OUT": str(folder), "PATH": os.environ["PATH"]}
    request = Request((sys.executable, "-S", "-c", FORGE)).words()[-1]
    done = subprocess.run(
        [*AS_A_USER, sys.executable, *start, request],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_target_cannot_write_into_the_pods_log(tmp_path: Path) -> None:
    """Every line is one of ours: the target opens neither its parent's output nor its memory."""
    lines = log_of(tmp_path, "-m", "lockgate.sandbox.pod")
    assert [line for line in lines if not line.startswith("LG1 ")] == []
    found = LogReader(1 << 20).feed("".join(f"{line}\n" for line in lines).encode())
    said = b"".join(payload for kind, payload in found if kind == b"T")
    assert said == b"refused 13\nrefused 13\n"


def test_without_the_first_step_it_could(tmp_path: Path) -> None:
    """Positive control: as long as the pod's process can be read by its own user, the forged line is in the log."""
    assert "FORGED" in log_of(tmp_path, "-c", OPEN)
