"""Resolve requirements/*.in to requirements/*.txt: every platform, with hashes, without naming an index.

uv does not read pip's configuration, so the index that pip would use is handed on. The examples carry a copy of
project.txt as their `requirements.lock`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import uv

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "requirements"
OPTIONS = ["--system-certs", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
UNLOCKED = {"torch"}  # which torch a machine gets, with a GPU's libraries or without, is its index's to say
FORM = ["--no-emit-index-url", "--no-emit-find-links", "--no-header"]


def index_of_pip() -> list[str]:
    """The index that pip is configured with, as uv's option.

    Extra indexes and folders are left out: a mirror with some of the wheels would give a lock with some of the hashes.
    """
    asked = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [line.partition("=")[2].strip("'\"") for line in lines if line.partition("=")[0].endswith(".index-url")]
    return ["--default-index", found[-1]] if found else []


def main() -> None:
    """Resolve each file, then hand the project's lock to the examples."""
    for source in sorted(each for each in PLACE.glob("*.in") if each.stem not in UNLOCKED):
        target = source.with_suffix(".txt")
        command = [uv.find_uv_bin(), "pip", "compile", *OPTIONS, *FORM, *index_of_pip(), source.name, "-o", target.name]
        subprocess.run(command, cwd=PLACE, check=True)
        print(target.relative_to(ROOT))
    for lock in sorted(ROOT.glob("examples/*/requirements.lock")):
        shutil.copyfile(PLACE / "project.txt", lock)
        print(lock.relative_to(ROOT))


if __name__ == "__main__":
    main()
