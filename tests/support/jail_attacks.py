"""The attack suite as a program, run inside a jail, and outside of one as its own positive control.

`main()` takes facts as JSON, runs every attack (or those that `only` names) in a process of its own, and prints
{name: outcome} as JSON. Every attack is bounded, and harmless where it succeeds.
"""

# ruff: noqa: T201 - the outcome goes to stdout

from __future__ import annotations

import errno
import json
import os
import signal
import sys

from tests.support import jail_attacks_files as _files  # noqa: F401 - registers
from tests.support import jail_attacks_kernel as _kernel  # noqa: F401
from tests.support import jail_attacks_network as _network  # noqa: F401
from tests.support import jail_attacks_processes as _processes  # noqa: F401
from tests.support.jail_attacks_table import ATTACKS, Facts

__all__ = ["ATTACKS", "CONTROL", "MODULES", "START", "main", "outcome"]

CONTROL = {name: attack.control for name, attack in ATTACKS.items()}
MODULES = ("", "_files", "_kernel", "_network", "_processes", "_table")
START = "import sys; sys.path.insert(0, '.'); from tests.support.jail_attacks import main; main()"
SECONDS = 5


def outcome(name: str, facts: Facts) -> str:
    """`reached`, or `stopped` with what stopped it: an errno's name, a signal's number, or nothing to be found."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        signal.alarm(SECONDS)
        os.write(writing, _attempt(name, facts).encode())
        os._exit(0)
    os.close(writing)
    said = b""
    while data := os.read(reading, 4096):
        said += data
    os.close(reading)
    _, ended = os.waitpid(pid, 0)
    return said.decode() or f"stopped: signal {os.WTERMSIG(ended)}"


def _attempt(name: str, facts: Facts) -> str:
    try:
        return "reached" if ATTACKS[name].run(facts) else "stopped: nothing found"
    except OSError as error:
        return f"stopped: {errno.errorcode.get(error.errno or 0, type(error).__name__)}"
    except BaseException as error:  # noqa: BLE001 - whatever stopped it
        return f"stopped: {type(error).__name__}"


def main() -> None:
    """Run them."""
    facts = json.loads(sys.argv[1])
    print(json.dumps({name: outcome(name, facts) for name in sorted(facts.get("only", ATTACKS))}))
