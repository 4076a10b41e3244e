"""A walk: a Markdown page that tells how somebody's project comes to Lockgate, and is the script of it as well.

`examples/walks/NAME/walk.md` holds prose and two kinds of fenced blocks. In a `console` block a line that begins with
`$ ` is a command (lines that begin with `> ` carry it on), what follows is what it said, both streams together; a last
line `[exit 1]` tells an exit code other than 0. A `diff` block changes files: each hunk's old lines must stand in the
file exactly once. `examples/walks/NAME/before/` is the folder as the person has it; `make_data.py` in it is run once
and removed. `<!-- needs: COMMAND -->` names what the machine must have: where the command fails, nobody can walk.

All commands of a walk are run by one shell, in a fresh copy of `before/`, with keys and state of its own. A command
that ends with ` &` is a server: it stays until the end. Port 8080 of the page is a free port of the machine.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

WALKS = Path(__file__).resolve().parents[2] / "examples" / "walks"
YOU = "/home/you"
_NEEDS = re.compile(r"<!-- needs: (.+?) -->")
_FENCE = re.compile(r"^```(console|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"\[exit (\d+)\]")
_LISTENS = re.compile(r"http://127\.0\.0\.1:\d+\n.*?^next: [^\n]*\n(?: {7}[^\n]*\n)*", re.MULTILINE | re.DOTALL)
PATIENCE = 900  # seconds for one command
# What differs from one walk to the next, in this order. No word is masked: a changed message is a changed walk.
MASKS = [
    (r"lgk_[\w.-]+", "KEY"),
    (r"lgr\d\.[\w.-]+", "RECEIPT"),
    (r"\b\w+ as (?=\w+, key )", "WHO as "),
    (r"\bsigned by \w+(?= [0-9a-f]+\.\.)", "signed by WHO"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
    (r"\b[0-9a-f]{2,16}\.\.[0-9a-f]{2,16}\b|\b(?=[a-f]*\d)[0-9a-f]{8,64}\b|\b[0-9a-f]{32,64}\b", "DIGEST"),
    (r"\b\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?", "TIME"),
    (r"\b\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT", "TIME"),
    (r"\b[\d,.]+ (µs|ms|s|min|h|days?)( [\d]+ s)?\b", "SPAN"),
    (r"\b[\d,.]+ (?=(for one )?alone\b)", "SPAN "),
    (r"\b[\d,.]+ ?(KiB|MiB|GiB|kB|MB|GB|bytes)\b", "SIZE"),
    (r"\b\d+ of \d+ probes", "N of N probes"),
    # The screen draws by a seed of its own each time: of the same finding, another row may come first.
    (r"\b\d+ times or more\b", "N times or more"),
    (r"\brow \d+", "row N"),
    (r"[-+]?\b\d+(\.\d+)+(e[-+]?\d+)?", "N"),
    (r"\b\d+%", "N%"),
    (r"[ \t]+", " "),
]


@dataclass(frozen=True)
class Command:
    """A command, what it said, and its exit code."""

    text: str
    said: str = ""
    code: int = 0
    seconds: float = field(default=0.0, compare=False)

    @property
    def answered(self) -> bool:
        """Whether a prediction came back over HTTP."""
        return self.code == 0 and "/predict" in self.text and '"predictions":' in self.said

    def page(self) -> str:
        """As a console shows it."""
        first, *more = self.text.split("\n")
        shown = "\n".join([f"$ {first}", *(f"> {line}" if line else ">" for line in more)])
        return f"{shown}\n{self.said}" + (f"[exit {self.code}]\n" if self.code else "")


@dataclass(frozen=True)
class Diff:
    """A change of files, as the page shows it."""

    text: str

    def hunks(self) -> Iterator[tuple[str, str, str]]:
        """Each hunk: the file, its old lines, its new lines. A new file has no old ones."""
        name, old, new = "", [""], [""]
        for line in [*self.text.splitlines(keepends=True), "@@"]:
            if line.startswith(("--- ", "+++ ", "@@")):
                if any(old + new):
                    yield name, "".join(old), "".join(new)
                old, new = [], []
                name = line[4:].split("\t")[0].strip().removeprefix("b/") if line.startswith("+++ ") else name
                continue
            if line[0] in " -\n":
                old.append(line[1:] or "\n")
            if line[0] in " +\n":
                new.append(line[1:] or "\n")

    def apply(self, root: Path) -> None:
        """Change the files below `root`. A hunk that does not fit in one place is a fault of the page."""
        for name, old, new in self.hunks():
            path = root / name
            text = path.read_text(encoding="utf-8") if old or path.exists() else ""
            assert not old or text.count(old) == 1, f"these lines stand {text.count(old)} times in {name}:\n{old}"
            path.write_text(text.replace(old, new) if old else text + new, encoding="utf-8")

    def lines(self) -> Iterator[tuple[str, int]]:
        """How many lines each file's hunks add and remove: a replaced line counts twice."""
        name = ""
        for line in self.text.splitlines():
            if line.startswith("+++ "):
                name = line[4:].split("\t")[0].strip().removeprefix("b/")
            elif line.startswith(("+", "-")) and not line.startswith("--- "):
                yield name, 1


@dataclass(frozen=True)
class Walk:
    """A page: what stands between its blocks, and its blocks."""

    name: str
    prose: list[str]
    blocks: list[list[Command] | Diff]

    @classmethod
    def read(cls, name: str, place: Path = WALKS) -> Walk:
        """Read `NAME/walk.md`."""
        text = (place / name / "walk.md").read_text(encoding="utf-8")
        parts = _FENCE.split(text)
        blocks = [commands(body) if kind == "console" else Diff(body) for kind, body in zip(parts[1::3], parts[2::3])]  # noqa: B905 - both have one entry a block
        return cls(name, parts[::3], blocks)

    @property
    def needs(self) -> str:
        """The command that tells whether this machine can walk it; empty when any can."""
        found = _NEEDS.search("".join(self.prose))
        return found[1] if found else ""

    def page(self) -> str:
        """The page again."""
        shown = [
            f"```diff\n{block.text}```"
            if isinstance(block, Diff)
            else f"```console\n{''.join(one.page() for one in block)}```"
            for block in self.blocks
        ]
        return "".join(prose + block for prose, block in zip(self.prose, [*shown, ""], strict=True))

    def commands(self) -> list[Command]:
        """All commands in order."""
        return [one for block in self.blocks if not isinstance(block, Diff) for one in block]

    def play(self, home: Path, *, known: Path | None = None, place: Path = WALKS) -> Walk:
        """Walk it in `home`, an empty folder; return it with what was said now.

        `known`: a state folder of somebody who has unpacked the wheels before; it saves half a minute of CPU.
        """
        work = home / self.name
        shutil.copytree(place / self.name / "before", work)
        if known and (known / "lockgate/unpacked").is_dir():
            shutil.copytree(known / "lockgate/unpacked", home / ".local/state/lockgate/unpacked")
        if (work / "make_data.py").exists():
            subprocess.run([sys.executable, "make_data.py"], cwd=work, check=True, timeout=120)
            (work / "make_data.py").unlink()
        with _shell(home, work) as shell:
            played: list[list[Command] | Diff] = []
            for block in self.blocks:
                if isinstance(block, Diff):
                    block.apply(shell.folder())
                    played.append(block)
                else:
                    played.append([shell.run(one) for one in block])
        return replace(self, blocks=played)


def commands(body: str) -> list[Command]:
    """The commands of a console block with what was recorded of each."""
    found: list[Command] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:]))
        elif (line == ">" or line.startswith("> ")) and not found[-1].said:
            found[-1] = replace(found[-1], text=found[-1].text + "\n" + line[2:])
        elif told := _EXIT.fullmatch(line):
            found[-1] = replace(found[-1], code=int(told[1]))
        else:
            found[-1] = replace(found[-1], said=found[-1].said + line + "\n")
    return found


def masked(text: str) -> list[str]:
    """Lines of which only what never changes is left."""
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    return [line.rstrip() for line in text.splitlines()]


@dataclass
class _Shell:
    process: subprocess.Popen[bytes]
    home: Path
    port: int
    servers: int = 0

    def run(self, command: Command) -> Command:
        """Run one command; return it with what it said."""
        began = time.monotonic()
        text = command.text.replace(":8080", f":{self.port}")
        said, code = self._serve(text[:-2]) if text.endswith(" &") else self._ask(text)
        said = said.replace(str(self.home), YOU).replace(f":{self.port}", ":8080")
        said = re.sub(r"\blgk_[\w-]+", "lgk_...", said)  # no page holds a key, not even one of a project that is gone
        said = said.replace("\r\n", "\n")
        said = said if not said or said.endswith("\n") else said + "\n"
        return Command(command.text, said, code, time.monotonic() - began)

    def folder(self) -> Path:
        """Where the shell is."""
        return Path(self._ask("pwd -P")[0].strip())

    def _serve(self, text: str) -> tuple[str, int]:
        self.servers += 1
        log = self.home / f".server-{self.servers}"
        text = re.sub(r"^lockgate serve\b", f"lockgate serve --port {self.port}", text)
        self._ask(f"{text} > '{log}' 2>&1 &")
        before = ""
        for _ in range(PATIENCE * 5):
            said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            if (listens := _LISTENS.search(said)) and said == before:
                return said[: listens.end()], 0
            before = said
            if self._ask("kill -0 $!")[1]:
                return log.read_text(encoding="utf-8"), self._ask("wait $!")[1]
            time.sleep(0.2)
        raise TimeoutError(text)

    def _ask(self, text: str) -> tuple[str, int]:
        script = self.home / ".command"
        script.write_text(text + "\n", encoding="utf-8")
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f". '{script}' </dev/null; printf '\\36%s\\36' $?\n".encode())
        self.process.stdin.flush()
        end, said = time.monotonic() + PATIENCE, b""
        while not (told := re.search(rb"\x1e(\d+)\x1e$", said)):
            if not select.select([self.process.stdout], [], [], max(end - time.monotonic(), 0))[0]:
                raise TimeoutError(f"{text}\n{said.decode(errors='replace')}")
            more = os.read(self.process.stdout.fileno(), 65536)
            assert more, f"the shell is gone: {text}\n{said.decode(errors='replace')}"
            said += more
        return said[: told.start()].decode(errors="replace"), int(told[1])


@contextmanager
def _shell(home: Path, work: Path) -> Iterator[_Shell]:
    """A shell of its own session; whatever it has started ends with it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-s"],
        cwd=work,
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        shell = _Shell(process, home, port)
        shell._ask("set -o pipefail")
        yield shell
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for what, tries in ((signal.SIGTERM, 100), (signal.SIGKILL, 10)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, what)
            for _ in range(tries):
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.1)
    process.communicate()


def environment(home: Path) -> Mapping[str, str]:
    """What a newcomer's shell has: the project's Python first, keys and state below `home`, one width, no colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOCKGATE", "XDG_", "PYTEST"))}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "LOGNAME": "you",
        "USER": "you",
        "COLUMNS": "110",
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
