"""Look at any files: one line each about what was found out, as it is found out. Nothing outside reads the files.

`main` reads its task from standard input: `{"roots": [{"place", "names", "prefix"}], "done": [[root, name], ...],
"exclude": [glob, ...]}`; `names` are single entries of that folder, or null for all that is below it; `prefix` stands
before names in paths that people see. On standard output, one JSON line each:

    {"begin": [root, name]}     before a file is opened
    {"outcome": [root, {...}]}  `folder_walk.Outcome`, of that file or of something that was passed over
    {"end": true}               all was looked at

A parser that crashes, hangs or eats all memory ends this process. The launcher knows by the last line which file it
was at, and starts another for the rest: `done` are then passed over.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from lockgate.contract.jail.outcome import place, read_task
from lockgate.register.jail.folder_walk import Outcome, one_file, outcomes
from lockgate.register.jail.held_file import opened
from lockgate.register.scan_excluded import excluding

SECONDS: Final = 60
BYTES_A_SECOND: Final = 10_000_000
"""Each file has this much time of the processor, and five times as much by the clock."""

_MOST_LINE: Final = 1 << 16


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - every target takes some
    """Entry in the jail."""
    task = read_task()
    done = {(int(root), str(name)) for root, name in task["done"]}
    for number, root in enumerate(task["roots"]):
        for outcome in _outcomes(number, root, done, task["exclude"]):
            if (number, outcome.name) not in done:
                _tell(number, outcome)
    _say({"end": True})


def _outcomes(
    number: int, root: dict[str, Any], done: set[tuple[int, str]], exclude: Sequence[str]
) -> Iterator[Outcome]:
    def begin(name: str, size: int) -> bool:
        if (number, name) in done:
            return False
        if excluding(root["prefix"] + name, name, exclude):
            _tell(number, Outcome(name, "skipped", finding="LG474", message="it was excluded"))
            return False
        _allow(SECONDS + size / BYTES_A_SECOND)
        _say({"begin": [number, name]})
        return True

    with opened(place(root["place"]), follow=True) as top:
        if root["names"] is None:
            yield from outcomes(top, allow="outside", begin=begin)
            return
        for name in root["names"]:
            yield from one_file(top, name, name, allow="outside", begin=begin)


def _allow(seconds: float) -> None:
    """What goes on for longer is ended by a signal that nothing here catches, not even in a library's own loops."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 5 * seconds)


def _short(outcome: Outcome) -> dict[str, Any]:
    """What a line can hold: facts and things seen that are longer than that are left out, and said to be."""
    found = asdict(outcome)
    for part in ("facts", "seen"):
        if len(json.dumps(found[part])) > _MOST_LINE:
            found[part] = {"left_out": "too long to be shown"}
    return found | {"message": found["message"][:1000]}


def _tell(number: int, outcome: Outcome) -> None:
    _say({"outcome": [number, _short(outcome)]})


def _say(value: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(value).encode() + b"\n")
    sys.stdout.buffer.flush()
