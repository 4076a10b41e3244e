"""`lockgate scan`: model files, looked at in a jail. No project."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, many
from lockgate.errors import Refused, Usage

if TYPE_CHECKING:
    from lockgate.register.scan_words import Scanned, ScannedFile

_MOST_LINES = 1000
_MARKS = {"skipped": "warn", "excluded": "note"}


@click.command("scan", short_help="Look at model files: proved harmless, or refused and named; no project needed.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--sarif", default="", metavar="FILE", help="Write SARIF 2.1.0 here; - for standard output.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Do not look at files or folders of this name or path.")
@json_option
def command(paths: tuple[str, ...], sarif: str, exclude: tuple[str, ...], as_json: bool) -> None:
    """Look at each file of PATH, in a jail, without running or loading anything.

    Harmless are ONNX with standard operators and its data, safetensors, NumPy arrays without objects, strict JSON and
    UTF-8 text that load no code: each parsed to its last byte, under a name that says so. Everything else is refused;
    what is code in disguise (a pickle in any wrapper, a Lambda layer, a template that reaches further) is named.
    What runs code or deceives is told first, what was merely not looked at last.

    Exit code 0 only when every file was proved harmless; 1 when one was refused, could not be looked at, or broke its
    parser, and when there was no file at all. Symbolic links are not followed, and are said to be not looked at.
    What is left out by --exclude is listed and counted, and changes no exit code; one of all files is 1.
    """
    from lockgate.project.scanned_files import as_sarif, exit_code, scan_files, write_sarif

    if sarif == "-" and as_json:
        raise Usage("LG940", "--json and --sarif - both want standard output", next="lockgate scan --help")
    talk = Talk(as_json)
    progress = _Progress(talk)
    scanned = scan_files(paths, progress.told, exclude)
    progress.end(scanned)
    if all(one.verdict == "excluded" for one in scanned.files):
        why = "every file was excluded" if scanned.files else "there is no file"
        raise Refused(
            "LG475",
            f"{why}, so nothing was looked at",
            seen={"paths": list(paths)},
            next=f"ls -la {paths[0]}",
        )
    if sarif == "-":
        sys.stdout.buffer.write(as_sarif(scanned))
        sys.stdout.buffer.flush()
    else:
        talk.data(_summary(scanned))
        if sarif:
            write_sarif(scanned, sarif)
    talk.result("scan", {**scanned.as_json(), "exit_code": exit_code(scanned)})
    talk.next(*_next(scanned, paths))
    click.get_current_context().exit(exit_code(scanned))


class _Progress:
    """One line for each file that is not proved harmless, the worst first; on a terminal also how many were seen."""

    def __init__(self, talk: Talk) -> None:
        self._talk, self._count = talk, 0
        self._live = sys.stderr.isatty()

    def told(self, _file: ScannedFile) -> None:
        self._count += 1
        if self._live and self._count % 100 == 0:
            click.echo(f"\r{self._count:,} files", nl=False, err=True)

    def end(self, scanned: Scanned) -> None:
        self._clear()
        told = [one for one in scanned.worst_first if one.verdict != "ok"]
        for file in told[:_MOST_LINES]:
            mark = _MARKS.get(file.verdict, "bad")
            self._talk.line(mark, file.finding, f"{file.path}: {file.message}{_at(file)}")
        if len(told) > _MOST_LINES:
            self._talk.say("    more are in --json and --sarif")

    def _clear(self) -> None:
        if self._live:
            click.echo("\r" + " " * 30 + "\r", nl=False, err=True)


def _at(file: ScannedFile) -> str:
    at = file.seen.get("offset")
    return f" (byte {at:,})" if type(at) is int and at else ""


def _summary(scanned: Scanned) -> str:
    counts = scanned.counts
    looked = sum(counts.values()) - counts["skipped"] - counts["excluded"]
    said = f"{many(looked, 'file')} looked at: {counts['ok']:,} harmless, {counts['refused']:,} refused"
    said += f", {counts['failed']:,} failed" if counts["failed"] else ""
    said += f"; {counts['skipped']:,} not looked at"
    return said + (f", {counts['excluded']:,} excluded" if counts["excluded"] else "")


def _next(scanned: Scanned, paths: Sequence[str]) -> list[str]:
    """What to read about the worst, and the way out for one that has one. Nothing after good files alone."""
    files = [one for one in scanned.worst_first if one.next]
    if not files:
        folder = next((path for path in paths if Path(path).is_dir()), "")
        model = any(one.format in ("onnx", "safetensors") for one in scanned.files)
        return [f"lockgate import {quote(folder)} --name NAME"] if folder and model else []
    convertible = next((one.next for one in files if one.converts), "")
    worst = files[0]
    return [*dict.fromkeys(one for one in (worst.next if worst.level == "error" else "", convertible) if one)] or [
        worst.next
    ]
