"""Which Python runs inside a jail: a real interpreter, and optionally a virtual environment bound at `/env`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from lockgate.errors import Unfit


@dataclass(frozen=True)
class PythonEnv:
    """An interpreter and its environment.

    `base_python` is the interpreter's own file, every symlink resolved. `base_prefix` holds its standard
    library. `site` is the virtual environment that the target sees at `/env`, or None for the bare interpreter.
    """

    base_python: Path
    base_prefix: Path
    site: Path | None = None

    @classmethod
    def own(cls) -> PythonEnv:
        """The interpreter and environment that Lockgate itself runs in."""
        python = Path(os.path.realpath(sys.executable))
        site = Path(sys.prefix) if sys.prefix != sys.base_prefix else None
        return cls(python, Path(sys.base_prefix), site)

    @classmethod
    def of(cls, venv: Path) -> PythonEnv:
        """The virtual environment at `venv`. Raises Unfit LG902 when it is not one."""
        link = venv / "bin" / "python"
        python = Path(os.path.realpath(link))
        try:
            configuration = (venv / "pyvenv.cfg").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            configuration = ""
        home = [line.partition("=")[2].strip() for line in configuration.splitlines() if line.startswith("home")]
        if not home or not home[0].startswith("/") or not python.is_file():
            raise Unfit(
                "LG902",
                "this is not a virtual environment that a jail can run",
                seen={"environment": str(venv), "python": str(python)},
                next="lockgate doctor",
            )
        return cls(python, Path(home[0]).parent, Path(os.path.abspath(venv)))

    def prefixes(self) -> tuple[Path, ...]:
        """Every spelling of the base prefix that a path inside the environment may use, the real one first."""
        real = self.base_python.parent.parent
        spelled = [self.base_prefix, *self._hops()]
        return tuple(dict.fromkeys([real, *(path for path in spelled if Path(os.path.realpath(path)) == real)]))

    def _hops(self) -> list[Path]:
        """The prefixes through which `site`'s `bin/python` passes on its way to the real file."""
        if self.site is None:
            return []
        found: list[Path] = []
        link = self.site / "bin" / "python"
        for _ in range(16):
            if not link.is_symlink():
                break
            link = link.parent / os.readlink(link)
            found.append(Path(os.path.normpath(link)).parent.parent)
        return [path for path in found if path != self.site]
