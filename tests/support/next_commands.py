"""Every command that the source tells a person to type, found by reading the source: nothing is run, nothing imported.

A text counts where it begins with `lockgate `, and where it names a command after a word such as `then` or between
backticks. What is filled in when it is said is a blank.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from lockgate.cli.drill import Drills
from lockgate.cli.drill_replay import command as replay
from lockgate.cli.main import cli

BLANK = "BLANK"
# Where a command within a sentence begins; and where any command ends and the sentence, or a comment, goes on.
_BEGINS = re.compile(r"(?:^|[`(]|\bthen:? |\bor:? |\bor, |: |\| |&& |\s{3,})(lockgate [a-z].*)", re.DOTALL)
_WORDS = "then|or|and|is|says|in|of|on|with|tells|gives|wrote"
_ENDS = re.compile(
    r"\s+#\s|`|\s\(|, |;|\)|: |\. |\s·|\s\||\s&&|\s>|\s{3,}|\n|,$|\.$|:$|\s(?:" + _WORDS + r")\s",
)


@dataclass(frozen=True)
class Told:
    """A command that a person is told to type, and where."""

    where: str
    text: str


def told_in(path: Path) -> Iterator[Told]:
    """All commands in the strings of a module, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for value in node.values
        for inner in (ast.walk(value) if isinstance(value, ast.Constant) else ())
    }
    # What is made into bytes on the spot is a label of a hash, and nobody types it.
    skipped |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "encode"}
    skipped |= {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        match node:
            case ast.Constant(value=str(text)):
                pass
            case ast.JoinedStr(values=values):
                text = "".join(str(v.value) if isinstance(v, ast.Constant) else _blank(v) for v in values)
            case _:
                continue
        for command in commands_in(text):
            yield Told(f"{path.name}:{node.lineno}", command)


def _blank(value: ast.expr) -> str:
    """One word stands for whatever is filled in; what is called options may be any number of words."""
    return "" if ast.unparse(value).rstrip("}'\"").endswith("options") else BLANK


def commands_in(text: str) -> Iterator[str]:
    """The commands that a text names."""
    for found in _BEGINS.finditer(text):
        rest = found[1]
        yield _ENDS.split(rest, maxsplit=1)[0].strip()
        yield from commands_in(rest[len("lockgate ") :])
        return


def fault(text: str) -> str:
    """Why `lockgate ...` is no command that a person can type; empty when it is one."""
    try:
        words = shlex.split(text.partition(" -- ")[0])[1:]
    except ValueError as error:
        return str(error)
    command: click.Command = cli
    context = click.Context(cli, info_name="lockgate", resilient_parsing=True)
    while isinstance(command, click.Group):
        own = bool(words) and words[0] in command.list_commands(context)
        if not own and (command.invoke_without_command or isinstance(command, Drills)):
            return _call_fault(replay if isinstance(command, Drills) else command, context, words)
        if not words or words[0] == BLANK or words[0] in {"--help", "--version"}:
            return ""
        words[0] = words[0].removesuffix(BLANK)
        try:
            name, below, words = command.resolve_command(context, words)
        except click.UsageError as error:
            return error.message
        if below is None:
            return f"no command {name}"
        command, context = below, click.Context(below, info_name=name, parent=context, resilient_parsing=True)
    return _call_fault(command, context, words)


def _call_fault(command: click.Command, context: click.Context, words: list[str]) -> str:
    if "--help" in words or any(word.startswith("--" + BLANK) for word in words):
        return ""
    context.resilient_parsing = False  # else Click's own parser would say nothing
    try:
        values, left, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.format_message()
    if left and not context.allow_extra_args:
        return f"too much: {' '.join(left)}"
    for parameter in command.params:
        value = values.get(parameter.name or "")
        given = value if isinstance(value, list | tuple) else [] if value is None else [value]
        missing = not [one for one in given if one is not None]
        if parameter.required and missing and words and BLANK not in words:
            return f"misses {parameter.human_readable_name}"
        if isinstance(parameter.type, click.Choice) and any(_is_no(one, parameter.type) for one in given):
            return f"{parameter.human_readable_name} is one of {', '.join(map(str, parameter.type.choices))}"
    return ""


def _is_no(value: object, choice: click.Choice[str]) -> bool:
    return isinstance(value, str) and value.islower() and "|" not in value and value not in choice.choices
