"""Code in a jail that plays tricks with its output: what comes out is plain files of bounded size, or nothing."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.sandbox._collect import Collector
from lockgate.sandbox.jail import frames
from lockgate.sandbox.launch import Jail, JailResult, Target
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from tests.support import jail_attacks_host
from tests.support.jail_attacks_host import AS_USER, CANARY, PYTHON, Host

MIB = 1 << 20
LONG = "x" * 255

# Each line is one trick; one that fails says so, and the next one is tried.
TRICKS = r"""
import os, socket
out = os.environ["LOCKGATE_OUT"]
secret = os.environ["SECRET"]
os.chdir(out)
def write(name, data=b"1"):
    with open(name, "wb") as file:
        file.write(data)
def attempt(name, call):
    try:
        call()
    except OSError as error:
        print(name, error.strerror, flush=True)
attempt("honest", lambda: write("honest"))
attempt("empty", lambda: write("empty", b""))
attempt("link", lambda: os.symlink(secret, "link"))
attempt("folder link", lambda: os.symlink("/", "folder-link"))
attempt("dangling link", lambda: os.symlink("/nowhere", "dangling"))
attempt("own process", lambda: os.symlink("/proc/self/root" + secret, "process-link"))
attempt("first name", lambda: write("name-1"))
attempt("second name", lambda: os.link("name-1", "name-2"))
attempt("fifo", lambda: os.mkfifo("fifo"))
attempt("socket", lambda: socket.socket(socket.AF_UNIX).bind("socket"))
attempt("device", lambda: os.mknod("device", 0o20666, os.makedev(1, 5)))
attempt("newline", lambda: write("new\nline"))
attempt("terminal", lambda: write("\x1b[2J"))
attempt("backwards", lambda: write("\u202etxt.exe"))
attempt("bytes", lambda: write(b"\xff\xfe"))
attempt("option", lambda: write("-rf"))
attempt("hidden", lambda: write(".hidden"))
attempt("dots", lambda: write("..."))
attempt("backslash", lambda: write("..\\up"))
attempt("space", lambda: write("a b"))
attempt("long", lambda: write("x" * 255))
attempt("longest that may", lambda: write("y" * 128))
attempt("deep", lambda: (os.makedirs("d/d/d/d/d/d/d"), write("d/d/d/d/file"), write("d/d/d/d/d/file")))
attempt("set user id", lambda: (write("program"), os.chmod("program", 0o755), os.chmod("program", 0o6755)))
attempt("attribute", lambda: os.setxattr("honest", "user.x", b"y"))
attempt("unreadable", lambda: (write("unreadable"), os.chmod("unreadable", 0)))
"""

COME_OUT = {"honest", "empty", "program", "y" * 128, "d/d/d/d/file"}
NO_FILE, NO_NAME, NAMES = "not a regular file", "not a name that may leave the jail", "more than one name"
LEFT_BEHIND = {
    **dict.fromkeys(("link", "folder-link", "dangling", "process-link", "fifo", "socket"), NO_FILE),
    **dict.fromkeys(("name-1", "name-2"), NAMES),
    **dict.fromkeys(("new\nline", "\x1b[2J", "\u202etxt.exe", "-rf", ".hidden", "...", "..\\up", "a b"), NO_NAME),
    "??": NO_NAME,
    LONG[:200]: NO_NAME,
    "d/d/d/d/d": NO_FILE,
    "unreadable": "Permission denied",
}

# That a trick works outside: what the same lines leave in an ordinary folder.
OUTSIDE: dict[str, Callable[[Path], bool]] = {
    "link": lambda out: (out / "link").read_text() == CANARY,
    "process-link": lambda out: (out / "process-link").is_symlink(),
    "folder-link": lambda out: (out / "folder-link" / "proc").is_dir(),
    "dangling": lambda out: (out / "dangling").is_symlink(),
    "name-2": lambda out: (out / "name-2").stat().st_nlink == 2,
    "fifo": lambda out: stat.S_ISFIFO((out / "fifo").stat().st_mode),
    "socket": lambda out: stat.S_ISSOCK((out / "socket").stat().st_mode),
    "set user id": lambda out: bool((out / "program").stat().st_mode & stat.S_ISUID),
    "attribute": lambda out: "user.x" in os.listxattr(out / "honest"),
    "deep": lambda out: (out / "d/d/d/d/d/file").is_file(),
    "names": lambda out: {b"\xff\xfe", b"new\nline", b"-rf", b"...", b"\x1b[2J"} < set(os.listdir(os.fsencode(out))),
}


@pytest.fixture(name="host", scope="module")
def _host() -> Iterator[Host]:
    with jail_attacks_host.host() as found:
        yield found


@pytest.fixture(name="taken", scope="module")
def _taken(tmp_path_factory: pytest.TempPathFactory) -> tuple[JailResult, Path]:
    """What came of every trick, and the folder where it came."""
    folder = tmp_path_factory.mktemp("taken")
    (folder / "rows").write_text(CANARY)
    settings = named("train", python=PythonEnv.own(), binds=[Bind(folder / "rows", "/in/rows")])
    settings = replace(settings, environment=(("SECRET", "/in/rows"),))
    (folder / "out").mkdir()
    return Jail(settings).run(Target(command=("python", "-c", TRICKS)), out_dir=folder / "out"), folder / "out"


@pytest.fixture(name="outside", scope="module")
def _outside(host: Host) -> Path:
    """The same tricks of an ordinary user, in an ordinary folder."""
    out = host.folder / "scratch" / "out"
    out.mkdir()
    out.chmod(0o777)
    variables = {"LOCKGATE_OUT": str(out), "SECRET": host.facts["secret"]}
    subprocess.run([PYTHON, "-I", "-c", TRICKS], env=variables, check=True, capture_output=True, **AS_USER)
    return out


def run(code: str, out: Path | None = None, **limits: int) -> JailResult:
    """Run `code` in the jail that training gets."""
    settings = named("train", python=PythonEnv.own(), limits=Limits(**{"wall_seconds": 30, **limits}))
    return Jail(settings).run(Target(command=("python", "-c", code)), out_dir=out)


def test_only_plain_files_with_plain_names_come_out(taken: tuple[JailResult, Path]) -> None:
    """Each trick is left behind with its reason; the honest files beside them come out."""
    result, out = taken
    assert result.ok
    # Where the kernel has Landlock, a named pipe cannot even be made.
    assert {"fifo": NO_FILE, **result.skipped} == LEFT_BEHIND
    assert set(result.files) == COME_OUT
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()} == COME_OUT


def test_what_comes_out_is_private_and_cannot_be_run(taken: tuple[JailResult, Path]) -> None:
    """No bit, owner, link or attribute of the jail's choice: files of ours, with the bytes alone."""
    for path in taken[0].files.values():
        status = path.lstat()
        assert status.st_mode == stat.S_IFREG | 0o600
        assert (os.geteuid(), 1, []) == (status.st_uid, status.st_nlink, os.listxattr(path))
    assert b"".join(path.read_bytes() for path in taken[0].files.values()).strip(b"1") == b""


def test_nodes_bits_and_attributes_are_refused_when_they_are_made(taken: tuple[JailResult, Path]) -> None:
    """They never reach the disk of the jail, where the next one to look would have to know better."""
    refused = {line.partition(b" Operation")[0] for line in taken[0].talk.splitlines()}
    assert {b"device", b"set user id", b"attribute"} == refused - {b"fifo", b"fifo Permission denied"}


@pytest.mark.parametrize("trick", OUTSIDE)
def test_the_same_trick_works_on_an_ordinary_folder(trick: str, outside: Path) -> None:
    """The positive control: whoever copies that folder by name gets what the attacker chose."""
    assert OUTSIDE[trick](outside)


def test_a_file_of_a_tebibyte(tmp_path: Path, host: Host) -> None:
    """Refused when it is made; outside, nothing stops a hole of any size."""
    code = "import os, sys; f = open(sys.argv[1], 'wb'); f.truncate(1 << 40); print(os.fstat(f.fileno()).st_size)"
    inside = run(f"import sys; sys.argv[1:] = ['/out/large']\n{code}", tmp_path)
    assert b"File too large" in inside.talk
    assert inside.files["large"].stat().st_size == 0
    place = str(host.folder / "scratch" / "large")
    control = subprocess.run([PYTHON, "-I", "-c", code, place], check=True, capture_output=True, **AS_USER)
    assert control.stdout == b"1099511627776\n"


def test_holes_count_with_their_size(tmp_path: Path) -> None:
    """Three holes that take no space inside would take it outside: the jail ends, and no more than the limit came."""
    code = "for n in 'abc': open(f'/out/{n}', 'wb').truncate(6 << 20)"
    result = run(code, tmp_path, output_bytes=8 * MIB)
    assert result.ended == "output"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 8 * MIB


def test_more_files_than_anybody_needs(tmp_path: Path) -> None:
    """The first thousand, and a word about the others."""
    result = run("for n in range(1001): open(f'/out/{n:04}', 'wb').close()", tmp_path)
    assert (len(result.files), result.skipped) == (1000, {"1000": "too many files"})


def test_more_tricks_than_anybody_reads(tmp_path: Path) -> None:
    """What is told about files that were left behind is bounded too."""
    result = run("import os\nfor n in range(3000): os.symlink('x', f'/out/{n}')\nopen('/out/z', 'w').close()", tmp_path)
    assert (1000, {"z"}) == (len(result.skipped), set(result.files))


SWAP = """
import os, sys
os.chdir(sys.argv[1])
while True:
    os.symlink(sys.argv[2], "next")
    os.rename("next", "model")
    open("next", "w").write("1" * 100)
    os.rename("next", "model")
"""
GROW = """
import os
with open("/out/model", "wb") as file:
    while True:
        os.truncate("/out/model", 0)
        os.pwrite(file.fileno(), b"1" * (1 << 20), 0)
"""


def test_a_file_that_is_swapped_while_it_is_read(tmp_path: Path, host: Host) -> None:
    """A link takes its place over and over: what comes out is never what the link leads to. Outside, it is."""
    secret = tmp_path / "rows"
    secret.write_text(CANARY)
    settings = named("train", python=PythonEnv.own(), binds=[Bind(secret, "/in/rows")], limits=Limits(wall_seconds=30))
    begin = "import os, sys, time\nsys.argv[1:] = ['/out', '/in/rows']\nif os.fork(): time.sleep(0.05); os._exit(0)\n"
    (tmp_path / "out").mkdir()
    result = Jail(settings).run(Target(command=("python", "-c", begin + SWAP)), out_dir=tmp_path / "out")
    assert result.ok
    assert CANARY not in "".join(path.read_text() for path in result.files.values())
    place = host.folder / "scratch" / "swap"
    place.mkdir()
    place.chmod(0o777)
    with subprocess.Popen([PYTHON, "-I", "-c", SWAP, str(place), host.facts["secret"]], **AS_USER) as swapper:
        try:
            assert any(_copied(place / "model") == CANARY for _ in range(1_000_000))
        finally:
            swapper.kill()


def _copied(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def test_a_file_that_grows_and_shrinks_while_it_is_read(tmp_path: Path) -> None:
    """Whoever writes is ended first, be it in the middle of a write: what comes has the size that was told."""
    code = f"import os, time\nif os.fork():\n    time.sleep(0.05); os._exit(0)\n{GROW}"
    result = run(code, tmp_path)
    assert result.ok
    written = result.files["model"].read_bytes()
    assert (written.strip(b"1"), len(written) <= MIB) == (b"", True)


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("os.chmod('/out', 0)", set()),
        ("os.mkdir('/out/closed', 0)", {"honest"}),
        ("os.mkdir('/out/closed'); open('/out/closed/file', 'w'); os.chmod('/out/closed', 0o400)", {"honest"}),
    ],
)
def test_a_folder_that_cannot_be_read(code: str, left: set[str], tmp_path: Path) -> None:
    """It is left behind with what is in it, the run is not blamed on the machine, and the rest comes out."""
    result = run(f"import os; open('/out/honest', 'w').write('1'); {code}", tmp_path)
    assert (result.exit_code, result.ended) == (0, "exit")
    assert left <= set(result.files) <= {"honest"}
    assert result.skipped


FORGE = """
import os, sys
frame = b"X" + (10).to_bytes(4, "little") + b"\\1\\0\\0\\0000\\1\\0\\0\\0000"
sent = 0
for place in [*range(3, 1024), *(f"/proc/{pid}/fd/0" for pid in (1, os.getppid()))]:
    try:
        sent += os.write(place if isinstance(place, int) else os.open(place, os.O_WRONLY), frame)
    except OSError:
        pass
sys.stdout.buffer.write(frame)
sys.stdout.flush()
os._exit(3 if sent == 0 else 4)
"""


def test_words_put_into_the_harness_s_mouth() -> None:
    """A target that says "I ended well" says it to nobody: it holds no end of the channel. On the channel it counts."""
    result = run(FORGE)
    assert (result.exit_code, result.ended) == (3, "exit")
    collector = Collector(None, 0)
    frame = b"X" + (10).to_bytes(4, "little") + b"\1\0\0\x000\1\0\0\x000"
    [(kind, payload)] = frames.Parser().feed(frame)
    assert collector.take(kind, payload)
    assert collector.exit == (0, 0)


@pytest.mark.parametrize("code", [1, 124, 125, 126, 127, 137, 255])
def test_an_exit_code_that_looks_like_something_else(code: int) -> None:
    """A code says nothing of how a run ended: that of a signal, of the harness or of a shell is a code like another."""
    result = run(f"import os; os._exit({code})")
    assert (code, "exit", False) == (result.exit_code, result.ended, result.ok)
