"""Fuzz every parser that reads bytes of strangers, with atheris, for the same time each.

    python -m scripts.fuzz [--seconds 60] [--folder build/fuzz] [PARSER ...]

`make fuzz` makes an environment of its own for it; FUZZ_SECONDS=3600 is the real thing. Each parser has a process of
its own with a limit of memory and of time for one input. What is found is written to `results.json` in the folder:
inputs tried, edges of the code reached, the peak of memory, and the file of each input that crashed. Exit code 1 when
there is one. Inputs that reached something new are kept in the folder and are where the next run begins.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from scripts.fuzz_form import MAX_BYTES
from scripts.fuzz_targets import TARGETS, seeds
from scripts.fuzz_targets_log import VERIFIER

MEMORY_MIB = 2048
SECONDS_AN_INPUT = 10
_ENDING = 60
"""Seconds for the last input and for writing, after the time is up."""


def fuzz(name: str, seconds: int, folder: Path) -> None:
    """In a process of its own: until the time is up, or the first crash. Never returns."""
    atheris: Any = importlib.import_module("atheris")
    wanted = TARGETS[name].modules or ("lockgate.register",)
    loaded = [module for module in sys.modules if module.startswith(wanted)]
    if loaded:
        raise RuntimeError(f"loaded before it could be instrumented: {', '.join(loaded)}")
    modules = TARGETS[name].modules
    places = ["lockgate.register", "lockgate.runtime", "lockgate.core"]
    places += [".".join(module.split(".")[:2]) for module in modules]
    sys.path.append(str(VERIFIER))
    with atheris.instrument_imports(include=places):
        for module in modules or _modules():
            importlib.import_module(module)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_AN_INPUT}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-max_len={MAX_BYTES}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
        str(folder / "corpus"),
    ]
    atheris.Setup([name, *options], TARGETS[name].target)
    atheris.Fuzz()


def _modules() -> list[str]:
    """All parsers, so that each target's imports are instrumented before the first input."""
    from lockgate.register import jail

    place = Path(str(jail.__file__)).parent
    found = sorted(path.stem for path in place.glob("*.py") if not path.stem.startswith(("__", "scan", "convert")))
    return [*(f"lockgate.register.jail.{stem}" for stem in found), "lockgate.runtime.serving"]


def plant(name: str, folder: Path) -> int:
    """Write the seeds; how many there are."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    written = {sha256(data).hexdigest(): data for data in seeds(name)}
    for digest, data in written.items():
        (corpus / digest).write_bytes(data)
    return len(written)


def read_stats(said: str) -> dict[str, int]:
    """What libFuzzer said at its end: `executions`, `edges`, `peak_mib`; what it did not say is 0."""
    executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)", said) or re.findall(
        r"^#(\d+)\s", said, re.MULTILINE
    )
    edges = re.findall(r"\bcov: (\d+)", said)
    peak = re.findall(r"stat::peak_rss_mb:\s*(\d+)", said) or re.findall(r"\brss: (\d+)Mb", said)
    numbers = ((executed or ["0"])[-1], (edges or ["0"])[-1], (peak or ["0"])[-1])
    return dict(zip(("executions", "edges", "peak_mib"), map(int, numbers), strict=True))


def run(name: str, seconds: int, place: Path) -> dict[str, Any]:
    """Fuzz one parser in a process of its own; the line of the results."""
    folder = place / name
    planted = plant(name, folder)
    before = set(folder.glob("*-*"))
    command = [sys.executable, "-m", "scripts.fuzz", "--one", name, "--seconds", str(seconds), "--folder", str(folder)]
    begun = time.monotonic()
    with (folder / "said.txt").open("w+b") as said:
        try:
            code = subprocess.run(
                command,
                stdout=said,
                stderr=said,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                check=False,
                timeout=seconds + SECONDS_AN_INPUT + _ENDING,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
        said.seek(0)
        told = said.read().decode("utf-8", "replace")
    crashes = sorted(str(path) for path in set(folder.glob("*-*")) - before if not path.name.startswith("slow-unit-"))
    if code != 0 and not crashes:
        crashes = [f"{folder}/said.txt: exit code {code}"]
    return {
        "parser": name,
        "seconds": round(time.monotonic() - begun),
        "seeds": planted,
        **read_stats(told),
        "crashes": crashes,
    }


def main(arguments: Sequence[str]) -> int:
    """Each parser that was asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parsers", nargs="*", metavar="PARSER", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("FUZZ_SECONDS", "60")))
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        fuzz(given.one, given.seconds, given.folder)
        return 0
    unknown = sorted(set(given.parsers) - set(TARGETS))
    if unknown:
        parser.error(f"there is no parser {', '.join(unknown)}")
    results = []
    for name in given.parsers or TARGETS:
        results.append(run(name, given.seconds, given.folder))
        one = results[-1]
        print(
            f"{name:12} {one['executions']:>10,} inputs  {one['edges']:>6,} edges  {one['peak_mib']:>5,} MiB  ", end=""
        )
        print(f"{len(one['crashes'])} crashes", *one["crashes"], flush=True)
    given.folder.mkdir(parents=True, exist_ok=True)
    (given.folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(given.folder / "results.json")
    return 1 if any(one["crashes"] for one in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
