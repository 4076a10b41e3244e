"""One environment per peer, from hash-locked requirements, so that no peer's dependencies decide another's.

python -m bench.environments          build those that are missing or out of date
python -m bench.environments --lock   resolve bench/requirements/*.in anew
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import uv

from scripts.lock import FORM, OPTIONS, index_of_pip

BENCH = Path(__file__).resolve().parent
REQUIREMENTS = BENCH / "requirements"
PLACE = BENCH / ".environments"
PIP = ["-m", "pip", "--disable-pip-version-check", "--quiet", "--quiet"]
INSTALL = ["install", "--no-deps", "--require-hashes", "--only-binary", ":all:"]


def interpreter(name: str) -> Path:
    """The Python of the environment `name`; built first when it is missing or its requirements changed."""
    wanted = REQUIREMENTS / f"{name}.txt"
    folder = PLACE / name
    stamp, digest = folder / "requirements.sha256", hashlib.sha256(wanted.read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return python
    print(f"making bench/.environments/{name}, each wheel checked against its hash", file=sys.stderr)
    PLACE.mkdir(exist_ok=True)
    (PLACE / ".gitignore").write_text("*\n", encoding="ascii")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(python), *PIP, *INSTALL, "-r", str(wanted)], check=True)
    stamp.write_text(digest, encoding="ascii")
    return python


def names() -> list[str]:
    """All environments."""
    return sorted(path.stem for path in REQUIREMENTS.glob("*.in"))


def lock() -> None:
    """Resolve each .in file to a .txt file with hashes."""
    for source in sorted(REQUIREMENTS.glob("*.in")):
        target = source.with_suffix(".txt")
        command = [uv.find_uv_bin(), "pip", "compile", *OPTIONS, *FORM, *index_of_pip(), source.name, "-o", target.name]
        subprocess.run(command, cwd=REQUIREMENTS, check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--lock"]:
        lock()
    for entry in names():
        print(interpreter(entry).relative_to(BENCH.parent))
