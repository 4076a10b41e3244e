"""The shipped program has no flag, setting or environment variable that turns a verification off.

Nobody can tell that from a name alone, so each name is in `tests/vectors/switches.toml`, with what a person who looked
found that it does. A new one fails here until somebody has looked at it too. What a signed policy weakens is no switch:
it is evidence, `lockgate policy diff` says it aloud, and `lockgate threats` shows it.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from lockgate.cli.main import cli
from lockgate.config import SCHEMA
from lockgate.core.strict import Item, Key, Many, Named, Table

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "lockgate"
REVIEWED = ROOT / "tests" / "vectors" / "switches.toml"

LOOSE = re.compile(
    r"(^|[-_])(no|not|skip|insecure|unsafe|disable|ignore|force|allow|bypass|unverified|untrusted|off|without|debug"
    r"|trust|any|check|verify|test|testing|fake|dummy)([-_]|$)",
    re.IGNORECASE,
)
"""Words of a name that a switch of that kind would have: one like that needs a reason of its own."""


@cache
def reviewed(kind: str) -> dict[str, str]:
    """What stands in the list: the name, and why it turns nothing off."""
    found: dict[str, str] = {}
    for group in tomllib.loads(REVIEWED.read_text("utf-8"))[kind]:
        for name in group["names"]:
            assert name not in found, f"{name} stands there twice"
            found[name] = group["why"]
    return found


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Every option of a command and of those below it."""
    for parameter in command.params:
        yield from (name for name in (*parameter.opts, *parameter.secondary_opts) if name.startswith("-"))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, name
            yield from options(below, click.Context(below, info_name=name, parent=context))


def keys(item: Item, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every key of `lockgate.toml`; what one of several models may say has the same names."""
    match item:
        case Key():
            yield ".".join(path)
        case Table():
            for name, inner in item.items.items():
                if (*path, name) != ("model",):
                    yield from keys(inner, (*path, name))
        case Named():
            yield from keys(item.item, (*path, "*"))
        case Many():
            yield from keys(item.table, (*path, "*"))


def variables(source: Path) -> Iterator[str]:
    """Every environment variable that is read, and `* FILE` where a file hands on, or looks through, all of them.

    `* FILE` too where one could learn from elsewhere what the process was started with: Click's own variables, the
    arguments and options of the interpreter, `/proc/self/environ`.
    """
    for path in sorted(source.rglob("*.py")):
        everything, named = f"* {path.relative_to(source).as_posix()}", set()
        text = path.read_text("utf-8")
        nodes = list(ast.walk(ast.parse(text))) if _HINT.search(text) else []
        for node in nodes:
            match node:
                case (
                    ast.Call(func=ast.Attribute(value=whose) as whole, args=[ast.Constant(value=str(name)), *_])
                    | ast.Subscript(value=whose as whole, slice=ast.Constant(value=str(name)))
                    | ast.Compare(left=ast.Constant(value=str(name)), comparators=[whose as whole])
                ) if _is_environment(whose, name) or _is_environment(whole, name):
                    yield name
                    named |= {id(whose), id(whole)}
                case ast.ImportFrom(module="os", names=names) if _ALL & {each.name for each in names}:
                    yield everything
                case ast.Import(names=names) if any(each.name == "os" and each.asname for each in names):
                    yield everything
                case ast.Constant(value=str(name)) if re.fullmatch(r"LOCKGATE_[A-Z_]*", name):
                    yield name
                case _ if _is_of_the_start(node):
                    yield everything
                case _:
                    pass
        whole_ones = (node for node in nodes if _is_of_os(node) and id(node) not in named)
        yield from (everything for _ in whole_ones)


_HINT = re.compile(
    "environ|getenv|surroundings|LOCKGATE_|import os as|envvar|__debug__|(import|from) (posix|nt)"
    r"|sys\.(orig_)?argv|sys\.(flags|_xoptions|warnoptions)|from sys |import sys as"
)
_OF_SYS = {"argv", "orig_argv", "flags", "_xoptions", "warnoptions"}
_ALL = {"environ", "environb", "getenv"}


def _is_environment(expression: ast.expr, name: str) -> bool:
    """Whether it is the environment, or a mapping that was made of it: then the name is one of a variable."""
    if _is_of_os(expression):
        return True
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        return False
    told = ast.unparse(expression).lower()
    return "environ" in told or "surroundings" in told


def _is_of_the_start(node: ast.AST) -> bool:
    """Whether it tells how the process was started, by another way than `os`."""
    match node:
        case ast.keyword(arg="envvar" | "auto_envvar_prefix") | ast.Name(id="__debug__"):
            return True
        case ast.Constant(value=str(text)):
            return "/environ" in text or text in {"envvar", "auto_envvar_prefix"}
        case ast.Attribute(value=ast.Name(id="sys"), attr=name):
            return name in _OF_SYS
        case ast.ImportFrom(module="sys", names=names):
            return bool(_OF_SYS & {each.name for each in names})
        case ast.ImportFrom(module=module):
            return module in {"posix", "nt"}
        case ast.Import(names=names):
            return any(each.name in {"posix", "nt"} or (each.name == "sys" and each.asname) for each in names)
    return False


def _is_of_os(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in _ALL
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    )


def found_options() -> set[str]:
    """Of the shipped command line."""
    return set(options(cli, click.Context(cli, info_name="lockgate")))


@pytest.mark.parametrize("kind", ["options", "keys", "variables"])
def test_every_switch_was_looked_at(kind: str) -> None:
    """What there is, and what somebody looked at and found to turn nothing off, is the same."""
    found: dict[str, Callable[[], set[str]]] = {
        "options": found_options,
        "keys": lambda: set(keys(SCHEMA)),
        "variables": lambda: set(variables(SOURCE)),
    }

    assert (sorted(reviewed(kind)), set()) == (sorted(found[kind]()), found[kind]() - set(reviewed(kind)))


@pytest.mark.parametrize("kind", ["options", "keys", "variables"])
def test_a_name_that_sounds_like_a_switch_has_a_reason_of_its_own(kind: str) -> None:
    """`--no-check`, `--force`, `UV_INSECURE_HOST`: such a name is never waved through with others."""
    groups = tomllib.loads(REVIEWED.read_text("utf-8"))[kind]

    crowded = [name for one in groups for name in one["names"] if LOOSE.search(name) and len(one["names"]) > 1]
    assert crowded == []
    assert all(len(one["why"].split()) >= 5 for one in groups)


def test_an_option_that_skips_is_caught() -> None:
    """The walk sees an option of any command, however deep, and a flag's other name too."""

    @click.group()
    def group() -> None:
        """A group."""

    @group.command("verify")
    @click.option("--verify/--no-verify", default=True)
    def verify(verify: bool) -> None:
        """A command."""

    found = set(options(group, click.Context(group)))
    assert {"--no-verify", "--verify"} <= found
    assert "--no-verify" not in reviewed("options")


def test_a_key_that_skips_is_caught() -> None:
    """The walk sees a key of any table, whatever it is below."""
    table = Table({"train": Named(Table({"sandbox": Key(SCHEMA.items["project"].items["name"].kind, "on")}))})  # type: ignore[union-attr]

    assert list(keys(table)) == ["train.*.sandbox"]
    assert "train.*.sandbox" not in reviewed("keys")


@pytest.mark.parametrize(
    "line",
    [
        'import os\nif os.environ.get("LOCKGATE_SKIP"): pass\n',
        'import os\nif "LOCKGATE_SKIP" in os.environ: pass\n',
        'import os\nSKIP = os.environ["LOCKGATE_SKIP"]\n',
        'import os\nSKIP = os.getenv("LOCKGATE_SKIP")\n',
        'def f(environ): return environ.get("LOCKGATE_SKIP")\n',
        'NAME = "LOCKGATE_SKIP"\n',
        "import os\ndef f(name): return os.environ.get(name)\n",
        "from os import environ\n",
        "import os as system\n",
        "import os\nALL = dict(os.environ)\n",
        'import click\noption = click.option("--on", envvar="SKIP")\n',
        'SETTINGS = {"auto_envvar_prefix": "LG"}\n',
        "import posix\n",
        "from posix import environ\n",
        'open("/proc/self/environ")\n',
        "import sys\nif sys.flags.optimize: pass\n",
        'import sys\nif "skip" in sys._xoptions: pass\n',
        'import sys\nif "--skip" in sys.argv: pass\n',
        "from sys import argv\n",
        "import sys as system\n",
        "if __debug__: pass\n",
    ],
)
def test_a_variable_that_skips_is_caught(line: str, tmp_path: Path) -> None:
    """However it is read: by name, by a name that is made up, or with all the others."""
    (tmp_path / "verify.py").write_text(line, encoding="utf-8")

    found = set(variables(tmp_path))
    assert found
    assert found <= {"LOCKGATE_SKIP", "* verify.py"}
    assert not found & set(reviewed("variables"))


def test_python_without_asserts_verifies_as_much() -> None:
    """`python -O` leaves out every `assert`: in the program they tell a type checker what is not None."""
    found = [
        f"{path.relative_to(SOURCE).as_posix()}: {ast.unparse(node)}"
        for path in SOURCE.rglob("*.py")
        if "assert" in (text := path.read_text("utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assert) and not re.fullmatch(r"[\w.]+ is not None", ast.unparse(node.test))
    ]

    assert found == []


_TESTING = re.compile(r"lockgate\.testing|from lockgate import .*\btesting\b")


def test_what_patches_the_program_is_used_by_no_part_of_it() -> None:
    """`lockgate.testing` writes a copy of the package with a check less: only tests ask for it."""
    users = [
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if path.name != "testing.py" and _TESTING.search(path.read_text("utf-8"))
    ]

    assert users == []
