"""What `lockgate verify REF` costs: its imports, and then the whole chain of one model with 20 statements, offline.

    python -m bench.verify_chain [--rounds 15] [--json FILE]

Every round is a fresh interpreter with bytecode at hand, as after an installation. Within it the clock is read when
the interpreter has started, when everything that the verification will need is imported, and when the report is
written. Reading, hashing and checking signatures starts from nothing each time; only the page cache is warm.

The claims: imports under 150 ms, the chain under 100 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.project import SignedProject, register_here, signed_project

STATEMENTS = 20
MOST_IMPORTS, MOST_CHAIN = 150.0, 100.0

LIST = """
import sys
from lockgate.cli.main import run
before = set(sys.modules)
assert run(sys.argv[1:]) == 0
print(*sorted(name for name in sys.modules if name.split(".")[0] in ("lockgate", "cryptography", "click")), sep="\\n",
      file=sys.stderr)
"""
TIMED = """
import time
began = time.perf_counter()
import importlib, sys
from lockgate.cli.main import run
for name in sys.argv[1].split():
    importlib.import_module(name)
imported = time.perf_counter()
code = run(sys.argv[2:])
done = time.perf_counter()
assert code == 0, code
print((imported - began) * 1000, (done - imported) * 1000, file=sys.stderr)
"""


@dataclass(frozen=True)
class Claim:
    """A number of milliseconds that is held against a bound."""

    what: str
    rounds: tuple[float, ...]
    most: float

    @property
    def measured(self) -> float:
        """The median."""
        return statistics.median(self.rounds)

    def as_json(self) -> dict[str, object]:
        """With whether it holds."""
        return {
            "claim": self.what,
            "ms": round(self.measured, 1),
            "least": round(min(self.rounds), 1),
            "most": round(max(self.rounds), 1),
            "at most": self.most,
            "holds": self.measured <= self.most,
        }

    def __str__(self) -> str:
        verdict = "holds" if self.measured <= self.most else "does NOT hold"
        spread = f"({min(self.rounds):.1f} to {max(self.rounds):.1f})"
        return f"{self.what:<44}{self.measured:>8.1f} ms {spread:<20} at most {self.most:.0f} ms: {verdict}"


def project_of_twenty(folder: Path, patch: pytest.MonkeyPatch) -> SignedProject:
    """A registered model in a log of 20 statements."""
    project = signed_project(folder, patch)
    (project.root / "lockgate.toml").write_text("")
    project.candidate(1.0, auc=0.7)
    project.candidate(2.0)
    register_here(project, patch)
    stages = ("ingest", "validate", "train", "judge")
    while missing := STATEMENTS - len(project.ledger.statements()):
        project.candidate(10.0 + missing, skip=stages[missing:])
    return project


def measure(rounds: int) -> list[Claim]:
    """Both claims."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        project = project_of_twenty(Path(name), patch)
        patch.setenv("PYTHONPYCACHEPREFIX", str(Path(name) / "bytecode"))
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        arguments = ["verify", "flights@1", "-C", str(project.root), "--root", project.created.project_id]
        modules = " ".join(_python(LIST, *arguments).split())
        found = [_python(TIMED, modules, *arguments) for _ in range(rounds)]
    imports, chain = zip(*(map(float, each.split()[-2:]) for each in found), strict=True)
    return [
        Claim("imports of lockgate verify", imports, MOST_IMPORTS),
        Claim(f"the chain of a model, {STATEMENTS} statements", chain, MOST_CHAIN),
    ]


def _python(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stderr


def main() -> None:
    """Measure, print, and say with the exit code whether all holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    claims = measure(asked.rounds)
    for claim in claims:
        print(claim)
    if asked.json:
        asked.json.write_text(json.dumps([claim.as_json() for claim in claims], indent=2) + "\n")
    sys.exit(0 if all(claim.measured <= claim.most for claim in claims) else 1)


if __name__ == "__main__":
    main()
