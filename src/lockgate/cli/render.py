"""How commands speak: data on stdout, talk on stderr, `--json` as one object with a versioned schema.

What is said may hold somebody else's words. Here, and only here, they reach a terminal: nothing in them steers it, and
no line is broken but by us (`core.shown`).
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from lockgate.core.shown import Lines, block, json_line, visible
from lockgate.errors import LockgateError

MARKS = {"ok": "✓", "warn": "!", "bad": "✗", "note": "·"}
COLOURS = {"ok": "green", "warn": "yellow", "bad": "red", "note": None}


@dataclass(frozen=True)
class Talk:
    """Where words go. With `json` the only thing on stdout is one JSON object."""

    json: bool = False

    def say(self, text: str = "") -> None:
        """One line for a person, on stderr."""
        click.echo(visible(text), err=True, color=_colour())

    def line(self, mark: str, stage: str, text: str, seconds: float | None = None) -> None:
        """A stage's line: mark, name, what happened, how long it took."""
        took = f"   {seconds:.1f} s" if seconds is not None else ""
        self._marked(MARKS[mark], COLOURS[mark], f"{stage:<9} {text}{took}")

    def data(self, text: str, colour: str | None = None) -> None:
        """What was asked for, on stdout; nothing under `--json`."""
        if not self.json:
            click.echo(_styled(visible(text), colour), color=_colour(sys.stdout))

    def result(self, kind: str, value: Mapping[str, Any]) -> None:
        """The command's result under `--json`: `{"schema": "lockgate.<kind>/v1", ...}`."""
        if self.json:
            click.echo(json_line({"schema": f"lockgate.{kind}/v1", **value}))

    def next(self, *commands: str) -> None:
        """The command to run next, as every command ends."""
        for index, command in enumerate(commands):
            self.say(("next:  " if index == 0 else "       ") + command)

    def detached(self, file: str) -> None:
        """What was signed is in `file`, and in force only when the log has it."""
        self.say(f"signed into {file}; nothing is in force before the log has it")
        self.next(f"lockgate log add {file}   # on the machine with the sealer's key")

    def error(self, error: LockgateError) -> None:
        """A refusal: finding id, sentence, what was seen, the command to run next."""
        self._marked("✗", "red", f"{error.finding}  {error.message}")
        for name, value in error.seen.items():
            first, *more = _plain(value).split("\n")
            self.say(f"    {name}: {first}")
            for line in more:
                self.say(f"        {line}")
        if error.next:
            self.next(error.next)
        if self.json:
            click.echo(json_line({"schema": "lockgate.error/v1", **error.as_json()}))

    def usage(self, error: click.ClickException) -> None:
        """A wrong call, with the help that mends it."""
        context = getattr(error, "ctx", None)
        # `drill replay` is what stands behind `drill`, and is no name that anybody is told.
        command = (context.command_path if context else "lockgate").removesuffix(" replay")
        message = " ".join(error.format_message().split())
        self._marked("✗", "red", f"LG940  {message}")
        self.next(f"{command} --help")
        if self.json:
            body = {"finding": "LG940", "message": message, "exit_code": 2, "next": f"{command} --help"}
            click.echo(json_line({"schema": "lockgate.error/v1", **body}))

    def bug(self, error: BaseException) -> None:
        """An error that we did not foresee. The traceback is written beside, for the report; nothing is claimed."""
        place = "".join(traceback.format_exception(error)[-2:]).strip().splitlines()
        where = next((line.strip() for line in place if line.strip().startswith("File")), "")
        if "LOCKGATE_TRACEBACK" in os.environ:
            traceback.print_exception(error, file=sys.stderr)
        self._marked("✗", "red", f"LG999  this is a fault of Lockgate, not yours: {type(error).__name__}: {error}")
        self.say(f"    where: {where}")
        self.next("LOCKGATE_TRACEBACK=1 (the same command), and report what it prints: see SECURITY.md")
        if self.json:
            click.echo(json_line({"schema": "lockgate.error/v1", "finding": "LG999", "message": str(error)}))

    def _marked(self, mark: str, colour: str | None, text: str) -> None:
        click.echo(f"{_styled(mark, colour)} {visible(text)}", err=True, color=_colour())


def table(rows: Sequence[Sequence[str]], *, indent: int = 4) -> Lines:
    """Columns padded to their widest cell; numbers are the caller's to format."""
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells if i < len(row)) for i in range(max(map(len, cells), default=0))]
    return block(
        " " * indent + "  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in cells
    )


def many(count: int, word: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def json_option(command: Any) -> Any:
    """The `--json` flag that every command has."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")(command)


def outbox_option(command: Any) -> Any:
    """`--to-file FILE`, for every command that signs a statement: to be sealed on another machine."""
    return click.option(
        "--to-file",
        default="",
        metavar="FILE",
        help="Write what is signed here, to be sealed elsewhere: lockgate log add.",
    )(command)


def model_option(command: Any) -> Any:
    """`--model NAME`, for every command that is about one model of a project."""
    return click.option("--model", default="", metavar="NAME", help="Which of several models: [model.NAME].")(command)


def project_option(command: Any) -> Any:
    """`--project DIR`, for every command that works on a project."""
    return click.option(
        "--project",
        "-C",
        "directory",
        default=".",
        metavar="DIR",
        help="The project's folder (default: here, or a folder above).",
    )(command)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _styled(text: str, colour: str | None) -> str:
    return click.style(text, fg=colour) if colour else text


def _colour(stream: Any = None) -> bool | None:
    if os.environ.get("NO_COLOR"):
        return False
    return None if (stream or sys.stderr).isatty() else False
