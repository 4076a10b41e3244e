"""Look at files that anybody names, without a project: the host's side. Nothing here reads a byte of them.

What is to be looked at is shown to the parse jail, read-only; what comes back is one line a file, held to its form. A
parser that takes the jail with it has its file named as failed, and another jail goes on behind it. One that is taken
over can say what it likes about the files of its jail: they bring no rights, and are read again wherever they count.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lockgate.errors import Refused
from lockgate.register.import_formats import REST
from lockgate.register.scan_excluded import excluding
from lockgate.register.scan_words import Line, Scanned, ScannedFile, excluded, failed, file_of, line_of, skipped
from lockgate.register.shown_files import Root, show
from lockgate.sandbox.launch import Jail, JailResult, Target
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named

MOST_STARTS: Final = 200
"""How often a jail is started again after a parser took it along."""

LIMITS: Final = Limits(
    memory=4 << 30, tasks=64, cpu_seconds=86_400, wall_seconds=86_400, output_bytes=1 << 20, talk_bytes=256 << 20
)
_MOST_LINE: Final = 1 << 20
Told = Callable[[ScannedFile], None]


def scan_paths(paths: Sequence[str], told: Told | None = None, exclude: Sequence[str] = ()) -> Scanned:
    """Every file that `paths` name or hold, looked at; `told` hears of each as it is done.

    Args:
        exclude: globs of names that are not looked at, and said to be so.

    Raises:
        Usage: LG940 a path is not there.
        Refused: LG421 what the jail wrote cannot be believed.
        Unfit: the machine cannot give the jail.
    """
    with tempfile.TemporaryDirectory(prefix="lockgate-scan-") as name:
        shown = show(paths, Path(name))
        run = _Run(shown.roots, told or _nobody, exclude)
        for one in shown.missed:
            run.take(one)
        if shown.roots:
            run.to_the_end()
    return Scanned(run.files)


def _nobody(_file: ScannedFile) -> None:
    return


@dataclass
class _Run:
    roots: Sequence[Root]
    told: Told
    exclude: Sequence[str]
    files: list[ScannedFile] = field(default_factory=list)
    _done: set[tuple[int, str]] = field(default_factory=set)
    _at: tuple[int, str] | None = None
    _ended: bool = False
    _rest: bytearray = field(default_factory=bytearray)

    def take(self, file: ScannedFile) -> None:
        """One more that is done with. That it was excluded is decided here: a jail says only that it passed it over."""
        glob = self._excluding(file.path) if file.verdict == "skipped" and REST not in file.seen else ""
        file = excluded(file.path, glob) if glob else file
        self.files.append(file)
        self.told(file)

    def to_the_end(self) -> None:
        """Start jails until one comes to the end."""
        for _ in range(MOST_STARTS):
            before = len(self._done)
            result = self._one_jail()
            if self._ended and result.ok:
                return
            self._fail(result)
            if len(self._done) == before:
                break
        why = f"after {len(self.files):,} files no jail came to the end of what is left"
        self.take(skipped("...", why, rest=True))

    def _one_jail(self) -> JailResult:
        self._at, self._ended, self._rest = None, False, bytearray()
        binds = [Bind(root.folder, f"/in/{number}") for number, root in enumerate(self.roots)]
        settings = named("parse", python=PythonEnv.own(), binds=binds, limits=LIMITS)
        task = {
            "roots": [
                {"place": f"/in/{number}", "names": root.names, "prefix": root.prefix}
                for number, root in enumerate(self.roots)
            ],
            "done": sorted(self._done),
            "exclude": list(self.exclude),
        }
        try:
            return Jail(settings).run(
                Target(module="lockgate.register.jail.scan_files"),
                stdin=json.dumps(task).encode(),
                talk=self._hear,
                errors=_ignore,
            )
        except ValueError as error:
            raise _unbelievable(str(error)) from None

    def _hear(self, data: bytes) -> None:
        # Looked at only when a line ends: many small pieces must not cost more than a few large ones.
        self._rest += data
        if len(self._rest) > _MOST_LINE:
            raise _unbelievable("a line without an end")
        if b"\n" not in data:
            return
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            try:
                self._heed(line_of(line))
            except ValueError as error:
                raise _unbelievable(str(error)) from None

    def _heed(self, line: Line) -> None:
        """What a line says is held against what was said before: a file begins once, and ends once."""
        key = (line.root, line.name)
        if line.kind == "end":
            self._ended = True
        elif not 0 <= line.root < len(self.roots) or key in self._done or self._ended:
            raise ValueError("it speaks of what it was not asked about, or twice of the same")
        elif line.kind == "begin":
            self._at = key
        else:
            if self._at not in (None, key) or (line.value["verdict"] == "ok" and self._at != key):
                raise ValueError("it ends another file than it began")
            self._finish(key, file_of(self._path(key), line.value))

    def _fail(self, result: JailResult) -> None:
        """The file that the jail was at when it ended."""
        if self._at is not None:
            self._finish(self._at, failed(self._path(self._at), _why(result)))

    def _finish(self, key: tuple[int, str], file: ScannedFile) -> None:
        self._done.add(key)
        self._at = None
        self.take(file)

    def _excluding(self, path: str) -> str:
        below = [path.removeprefix(root.prefix) for root in self.roots if path.startswith(root.prefix)]
        return next((glob for one in below or [path] if (glob := excluding(path, one, self.exclude))), "")

    def _path(self, key: tuple[int, str]) -> str:
        return self.roots[key[0]].prefix + key[1]


def _ignore(_data: bytes) -> None:
    """What libraries say on standard error is no finding."""


def _why(result: JailResult) -> str:
    signals = {128 + 27: "it took more time than its size allows", 128 + 14: "it took more time than its size allows"}
    words = {"memory": "it took all memory that the jail has", "time": "it took more time than the jail has"}
    return signals.get(result.exit_code) or words.get(result.ended) or f"exit code {result.exit_code}, {result.ended}"


def _unbelievable(why: str) -> Refused:
    return Refused("LG421", f"what the jail said about the files cannot be believed: {why}", next="lockgate doctor")
