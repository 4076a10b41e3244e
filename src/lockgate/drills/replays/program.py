"""The program under attack: our own command line, started as a person starts it."""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import lockgate
from lockgate.sandbox.own_program import Children, Running, run, start

_KEPT: Final = re.compile(
    "PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|TERM|NO_COLOR|XDG_CACHE_HOME|SSL_CERT_(FILE|DIR)"
    "|LOCKGATE_LAUNCHER|[A-Z]+_NUM_THREADS"
)
"""What commands get of the user's environment. Which jail a person wished for holds for the twin too; no passphrase,
folder, pin, token, agent or cloud credential of theirs does: hostile files are about to be read."""
_FETCHING: Final = re.compile("(PIP|UV)_[A-Z_]+|REQUESTS_CA_BUNDLE|([A-Z]+_PROXY|[a-z]+_proxy)")
"""Where packages come from, and by which way. An index may be asked while the twin is founded, and not after that."""
_BESIDE: Final = {"_verifier": "verifier", "_examples": "examples"}
"""Folders of the package that lie beside `src` in a checkout."""
_SECONDS = 180.0


@dataclass(frozen=True)
class Done:
    """A command that ended. `document`: what `--json` printed, None when it printed none."""

    words: tuple[str, ...]
    code: int | None
    document: Any
    err: str

    @property
    def command(self) -> str:
        """As a person would type it."""
        return " ".join(("lockgate", *self.words))

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return self.code == 0


@dataclass(frozen=True)
class Program:
    """Lockgate as it is installed, or the copy that lies in `path`.

    Attributes:
        home: keys, pins and seen checkpoints are below it, apart from the user's own.
        path: a folder that holds the package `lockgate`; None for the one that runs.
        more: variables that the commands get besides.
        cache: their cache of wheels (`XDG_CACHE_HOME`); None for the user's own.
        children: what was started; whoever leaves ends it.
    """

    home: Path
    path: Path | None = None
    more: Mapping[str, str] | None = None
    cache: Path | None = None
    children: Children = field(default_factory=Children, compare=False)

    def __call__(self, *words: str | Path, at: Path, seconds: float = _SECONDS) -> Done:
        """Run one command with `--json` to its end."""
        said = tuple(map(str, words))
        ended = run(self._words(*said, "--json"), self.environ(), at, seconds, self.children)
        return Done(said, ended.code, _parsed(ended.out), ended.err.decode(errors="replace"))

    def start(self, *words: str | Path, at: Path, name: str) -> Running:
        """Start one that goes on; what it says goes to files beside the homes."""
        said = self._words(*map(str, words))
        out, err = self.home / f"{name}.out", self.home / f"{name}.err"
        return start(said, self.environ(), at, out=out, err=err, children=self.children)

    def environ(self) -> dict[str, str]:
        """What its commands get of our environment."""
        found = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
        found |= {"XDG_CONFIG_HOME": str(self.home / "config"), "XDG_STATE_HOME": str(self.home / "state")}
        found |= {"XDG_CACHE_HOME": str(self.cache)} if self.cache else {}
        return found | ({"PYTHONPATH": str(self.path)} if self.path else {}) | dict(self.more or {})

    def _words(self, *words: str) -> tuple[str, ...]:
        # -P: a twin is somebody's files. None of them is imported by who looks into them, and no other program speaks.
        return (sys.executable, "-P", "-m", "lockgate", *words)


def fetching() -> dict[str, str]:
    """Those of the user's variables that say where packages come from."""
    return {name: value for name, value in os.environ.items() if _FETCHING.fullmatch(name)}


def copied(place: Path, *, compiled: bool = False) -> Path:
    """A copy of the package below `place`; the folder to put before the installed one (`Program.path`).

    It is compiled anew: what runs is the sources whose digest is taken, whatever lies compiled beside the installed
    ones. `compiled`: with what is there instead, times and all, which is quicker.
    """
    source, target = Path(lockgate.__file__).parent, place / "lockgate"
    left_out = shutil.ignore_patterns("*.pyc.*" if compiled else "__pycache__")
    shutil.copytree(source, target, symlinks=True, ignore=left_out)
    for inside, beside in _BESIDE.items():
        if not (target / inside).exists() and (source.parent.parent / beside).is_dir():
            (target / inside).symlink_to(source.parent.parent / beside)
    if not compiled:
        compileall.compile_dir(target, quiet=2)
    return place


def _parsed(out: bytes) -> Any:
    try:
        return json.loads(out)
    except ValueError:
        return None
