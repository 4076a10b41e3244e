"""The rules of the house that imports cannot show: sizes, purity, processes, finding ids, doors, forbidden words."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from lockgate.core.catalog import Finding
from lockgate.core.catalog import all as catalog

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "lockgate"
STAGES = ("ingest", "validate", "train", "register", "deploy", "serve")
DOOR_LINES = ("Takes:", "Gives:", "Trusts:", "Threats:", "Evidence:")
LONGEST = 400
LONGEST_MEDIAN = 150

IMPURE_NAMES = {"open", "input", "print", "exec", "eval", "__import__"}
IMPURE_ATTRIBUTES = {"now", "utcnow", "today", "urandom", "getenv", "environ", "read_text", "read_bytes", "write_text"}
IMPURE_MODULES = {"time", "random", "secrets", "socket", "subprocess", "sqlite3", "logging", "os", "tempfile", "shutil"}

PROCESS_MODULES = {"subprocess", "multiprocessing", "pty"}
PROCESS_CALL = re.compile(r"system|popen|fork(pty)?|posix_spawnp?|spawn[lv]p?e?|exec[lv]p?e?")


@cache
def tree_of(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(SOURCE.rglob("*.py"))


def pure_modules() -> list[Path]:
    """What decides without touching the world: core, and the spec and the rules of every room."""
    named = [path for path in modules() if path.name in {"spec.py", "rules.py"} and "jail" not in path.parts]
    return sorted({*SOURCE.joinpath("core").rglob("*.py"), *named, SOURCE / "sandbox" / "settings.py"})


def starts_processes(path: Path) -> bool:
    """Whether the rules allow this file to start a process: the sandbox's launchers and the jail's own pid 1."""
    inside = path.relative_to(SOURCE).as_posix()
    return bool(re.fullmatch(r"sandbox/(launch|launcher|own_program|_\w+|_\w+/\w+|jail/\w+)\.py", inside))


def impurities(tree: ast.Module) -> Iterator[str]:
    """Each place where a module reads a clock, a die, a file or the environment."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_NAMES:
                yield f"line {node.lineno}: {name}()"
            case ast.Attribute(attr=name) if name in IMPURE_ATTRIBUTES:
                yield f"line {node.lineno}: .{name}"
            case ast.Import(names=names):
                yield from (f"line {node.lineno}: import {n.name}" for n in names if n.name in IMPURE_MODULES)
            case ast.ImportFrom(module=module) if module in IMPURE_MODULES:
                yield f"line {node.lineno}: from {module}"
            case _:
                pass


def processes(tree: ast.Module) -> Iterator[str]:
    """Each place where a module could start a process."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (f"line {node.lineno}: import {n.name}" for n in names if n.name in PROCESS_MODULES)
            case ast.ImportFrom(module=module) if module in PROCESS_MODULES:
                yield f"line {node.lineno}: from {module}"
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if PROCESS_CALL.fullmatch(name):
                yield f"line {node.lineno}: os.{name}"
            case ast.Attribute(value=ast.Name(id="asyncio"), attr=name) if name.startswith("create_subprocess"):
                yield f"line {node.lineno}: asyncio.{name}"
            case _:
                pass


def ids_in(path: Path) -> set[str]:
    """The finding ids that a module names in its code; its docstrings may speak of others."""
    strings = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Constant)]
    return {node.value for node in strings if isinstance(node.value, str) and re.fullmatch(r"LG\d{3,4}", node.value)}


def findings() -> tuple[Finding, ...]:
    """The whole catalogue, file by file: a double would vanish in a dictionary."""
    return tuple(finding for file in catalog._FILES for finding in file.FINDINGS)


def tracked() -> list[Path]:
    """Every file that is, or is about to be, in the repository; in an unpacked archive, every file."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    names = listed.stdout.decode().split("\0") if listed.returncode == 0 else []
    found = [ROOT / name for name in names if name] or [p for p in ROOT.rglob("*") if ".venv" not in str(p)]
    return sorted(path for path in set(found) if path.is_file() and not path.is_symlink())


def test_no_file_is_long() -> None:
    """No Python file has more than 400 lines, tests included; but what has to be one file (ADR 74, ADR 88)."""
    alone = {ROOT / "verifier" / "lockgate_verify.py", ROOT / "scripts" / "verify_release.py"}
    files = [path for path in tracked() if path.suffix == ".py" and path not in alone]
    long = {str(path.relative_to(ROOT)): n for path in files if (n := len(path.read_text().splitlines())) > LONGEST}
    assert long == {}


def test_most_modules_are_short() -> None:
    """Half of the modules fit on about three screens."""
    assert statistics.median(len(path.read_text().splitlines()) for path in modules()) < LONGEST_MEDIAN


@pytest.mark.parametrize("path", pure_modules(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_pure_modules_touch_nothing(path: Path) -> None:
    """core, every spec and every rules file take time, randomness and bytes as arguments."""
    assert list(impurities(tree_of(path))) == []


@pytest.mark.parametrize(
    "line",
    [
        "open('x')",
        "import time",
        "from random import random",
        "datetime.now()",
        "os.environ['HOME']",
        "path.read_text()",
    ],
)
def test_impurity_is_noticed(line: str) -> None:
    """Positive control: each way of touching the world is seen."""
    assert len(list(impurities(ast.parse(line)))) == 1


def test_only_the_sandbox_starts_processes() -> None:
    """No other module can start a process, whichever call it would use."""
    found = {str(p.relative_to(SOURCE)): list(processes(tree_of(p))) for p in modules() if not starts_processes(p)}
    assert {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize(
    "line",
    ["import subprocess", "from subprocess import run", "os.fork()", "os.execve(a, b, c)", "import multiprocessing"],
)
def test_a_started_process_is_noticed(line: str) -> None:
    """Positive control: each way of starting a process is seen."""
    assert len(list(processes(ast.parse(line)))) == 1


def test_finding_ids_are_unique() -> None:
    """An id means one thing, and stands in the file of its hundred."""
    assert [name for name, n in Counter(finding.id for finding in findings()).items() if n > 1] == []


def test_findings_stand_in_the_file_of_their_stage() -> None:
    """LG2xx stands in `lg2_validate.py`, and so on: the first digit is the stage."""
    folder = SOURCE / "core" / "catalog"
    wrong = {
        path.name: ids_in(path) for path in folder.glob("lg*.py") if any(i[2] != path.name[2] for i in ids_in(path))
    }
    assert wrong == {}


def test_every_id_in_the_code_is_explained() -> None:
    """`lockgate explain` knows whatever a person can meet."""
    known = {finding.id for finding in findings()}
    used = {
        (str(path.relative_to(SOURCE)), i) for path in modules() if "catalog" not in path.parts for i in ids_in(path)
    }
    assert sorted(pair for pair in used if pair[1] not in known) == []


def test_every_explained_id_is_used() -> None:
    """The catalogue promises nothing that no rule says."""
    used = {i for path in modules() if "catalog" not in path.parts for i in ids_in(path)}
    assert sorted({finding.id for finding in findings()} - used) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_door_tells_its_five_lines(stage: str) -> None:
    """What a stage takes, gives, trusts, counters and leaves as evidence stands at its door, in this order."""
    lines = (ast.get_docstring(tree_of(SOURCE / stage / "__init__.py")) or "").splitlines()
    said = [line.split()[0] for line in lines if line.startswith(DOOR_LINES)]
    assert said == list(DOOR_LINES)


def test_the_attack_surface_is_listed() -> None:
    """SECURITY.md names every place with a reserved name: jails, edges and files of secrets."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    reserved = [p.relative_to(SOURCE) for p in modules() if p.name in {"edge.py", "_keyfile.py", "_edgefile.py"}]
    jails = {path.parent.relative_to(SOURCE) for path in modules() if path.parent.name == "jail"}
    assert [str(place) for place in sorted([*reserved, *jails]) if f"`{place}" not in text] == []


def test_no_file_names_a_registry_or_somebody_s_workplace() -> None:
    """What is published works anywhere: no index address, no path of the machine where it was written."""
    words = [
        "pypi" + ".org",
        "python" + "hosted.org",
        "debian" + ".org",
        "/wo" + "rk/",
        "/tmp/" + "boot",
        "/tmp/" + "plan",
    ]
    pattern = re.compile("|".join(map(re.escape, words)).encode())
    assert [str(path.relative_to(ROOT)) for path in tracked() if pattern.search(path.read_bytes())] == []
