"""`lockgate scan`: model files, looked at in a jail. No project."""

from __future__ import annotations

import sys
from shlex import quote
from typing import TYPE_CHECKING

import click

from lockgate.cli.render import Talk, json_option, many
from lockgate.errors import Refused, Usage

if TYPE_CHECKING:
    from lockgate.register.scan_words import Scanned, ScannedFile

_MOST_LINES = 1000
_WORST = ("refused", "failed", "skipped", "ok")


@click.command("scan", short_help="Look at model files: proved harmless, or refused and named; no project needed.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--sarif", default="", metavar="FILE", help="Write SARIF 2.1.0 here; - for standard output.")
@json_option
def command(paths: tuple[str, ...], sarif: str, as_json: bool) -> None:
    """Look at each file of PATH, in a jail, without running or loading anything.

    Harmless are ONNX with standard operators and its data, safetensors, NumPy arrays without objects, strict JSON and
    UTF-8 text that load no code: each parsed to its last byte, under a name that says so. Everything else is refused;
    what is code in disguise (a pickle in any wrapper, a Lambda layer, a template that reaches further) is named.

    Exit code 0 only when every file was proved harmless; 1 when one was refused, could not be looked at, or broke its
    parser, and when there was no file at all. Symbolic links are not followed, and are said to be not looked at.
    """
    from lockgate.project.scanned_files import as_sarif, exit_code, scan_files, write_sarif

    if sarif == "-" and as_json:
        raise Usage("LG940", "--json and --sarif - both want standard output", next="lockgate scan --help")
    talk = Talk(as_json)
    progress = _Progress(talk)
    scanned = scan_files(paths, progress.told)
    progress.end()
    if not scanned.files:
        raise Refused(
            "LG475",
            "there is no file, so nothing was looked at",
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
    worst = min(scanned.files, key=lambda one: _WORST.index(one.verdict))
    talk.next(worst.next or f"lockgate import {quote(paths[0])} --name NAME")
    click.get_current_context().exit(exit_code(scanned))


class _Progress:
    """One line for each file that is not proved harmless; on a terminal also how many were looked at."""

    def __init__(self, talk: Talk) -> None:
        self._talk, self._count, self._lines = talk, 0, 0
        self._live = sys.stderr.isatty()

    def told(self, file: ScannedFile) -> None:
        self._count += 1
        if file.verdict == "ok":
            if self._live and self._count % 100 == 0:
                click.echo(f"\r{self._count:,} files", nl=False, err=True)
            return
        self._lines += 1
        if self._lines <= _MOST_LINES:
            self._clear()
            mark = "warn" if file.verdict == "skipped" else "bad"
            self._talk.line(mark, file.finding, f"{file.path}: {file.message}{_at(file)}")
            if self._lines == _MOST_LINES:
                self._talk.say("    more are in --json and --sarif")

    def end(self) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._live:
            click.echo("\r" + " " * 30 + "\r", nl=False, err=True)


def _at(file: ScannedFile) -> str:
    at = file.seen.get("offset")
    return f" (byte {at:,})" if type(at) is int and at else ""


def _summary(scanned: Scanned) -> str:
    counts = scanned.counts
    looked = sum(counts.values()) - counts["skipped"]
    said = f"{many(looked, 'file')} looked at: {counts['ok']:,} harmless, {counts['refused']:,} refused"
    said += f", {counts['failed']:,} failed" if counts["failed"] else ""
    return said + f"; {counts['skipped']:,} not looked at"
