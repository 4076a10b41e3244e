"""Load from wrk, and what a server's processes took meanwhile. Needs wrk (Debian: wrk) on PATH."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
KINDS = {
    "lockgate.serve.gateway": "gateway",
    "bench.gateway_stand": "gateway",
    "lockgate.runtime.jail.worker": "model worker",
    "bench.gateway_sleeper": "model worker",
    "lockgate.contract.jail.worker": "contract worker",
    "lockgate.serve.sealer": "sealer",
}
SUPERVISOR, JAILS = "supervisor", "jails' own processes"
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Load:
    """One measurement. Times in milliseconds, CPU of all processes of the server in microseconds a request."""

    requests: float
    p50: float
    p99: float
    cpu: float
    errors: int

    def line(self) -> str:
        """For a person."""
        bad = f", {self.errors} errors" if self.errors else ""
        return (
            f"{self.requests:>9,.0f} req/s   p50 {self.p50:6.2f} ms   p99 {self.p99:6.2f} ms   {self.cpu:6.1f} us{bad}"
        )


def family(root: int) -> list[int]:
    """A process and all that descends from it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8")
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, line = [], [root]
    while line:
        found.append(line.pop())
        line += children.get(found[-1], [])
    return found


def cpu_seconds(root: int, kinds: Collection[str] = ()) -> float:
    """CPU time of a process and its descendants, those that ended included where they were waited for.

    `kinds`: of the processes that are counted; empty: all.
    """
    total = 0
    for pid in family(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            if kinds and kind_of(pid, root) not in kinds:
                continue
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def kind_of(pid: int, root: int) -> str:
    """What one of our processes is, by its command line. Raises OSError when it is gone."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    found = next((name for module, name in KINDS.items() if module in words), "")
    return found or (SUPERVISOR if pid == root else JAILS)


def proportional(root: int) -> dict[str, float]:
    """Proportional memory (PSS) in MiB, added up by what the processes are."""
    found: dict[str, float] = {}
    for pid in family(root):
        try:
            name, size = kind_of(pid, root), memory(pid)
        except OSError:
            continue
        found[name] = found.get(name, 0.0) + size
    return found


def memory(pid: int) -> float:
    """Proportional memory of one process in MiB. Raises OSError when it is gone."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    match = re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)
    return int(match[1]) / 1024 if match else 0.0


def load(
    url: str,
    body: bytes,
    *,
    connections: int,
    seconds: int,
    root: int,
    headers: dict[str, str] | None = None,
    kinds: Collection[str] = (),
) -> Load:
    """POST `body` to `url` over keep-alive connections, closed loop, one thread of wrk.

    `root`: the server's process, whose CPU is counted with that of its descendants; `kinds`: see `cpu_seconds`.
    """
    lines = ['wrk.method = "POST"', f"wrk.body = {json.dumps(body.decode())}"]
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in (headers or {}).items()]
    lines.append('wrk.headers["Content-Type"] = "application/json"')
    with tempfile.NamedTemporaryFile("w", suffix=".lua", encoding="utf-8") as script:
        script.write("\n".join(lines))
        script.flush()
        before = cpu_seconds(root, kinds)
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--latency",
            "--timeout",
            "10s",
            "-s",
            script.name,
            url,
        ]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        spent = cpu_seconds(root, kinds) - before
    count = int(_one(r"(\d+) requests in", said))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    errors = int(bad[1]) if bad else 0
    errors += sum(map(int, broken.groups())) if broken else 0
    return Load(
        requests=float(_one(r"Requests/sec:\s+([\d.]+)", said)),
        p50=_milliseconds(_one(r"\s50%\s+([\d.]+\w+)", said)),
        p99=_milliseconds(_one(r"\s99%\s+([\d.]+\w+)", said)),
        cpu=spent / max(1, count) * 1e6,
        errors=errors,
    )


def _one(form: str, text: str) -> str:
    found = re.search(form, text)
    if found is None:
        raise SystemExit(f"wrk said nothing of {form!r}:\n{text}")
    return found[1]


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * _UNITS[unit]
