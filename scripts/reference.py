"""Write docs/reference/ and docs/threats.md from the code: commands, configuration keys, findings, frameworks, threats,
and the JSON Schema of both TOML files.

python scripts/reference.py            # write
python scripts/reference.py --check    # exit 1 when a page is not what the code says (a test runs this)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import frameworks  # type: ignore[import-not-found] # it lies beside this file, which is run as a script
import raised  # type: ignore[import-not-found] # the same
import threats  # type: ignore[import-not-found] # the same

from lockgate.cli.export_schema import FILES as SCHEMAS
from lockgate.cli.export_schema import text_of
from lockgate.cli.main import VERBS, cli
from lockgate.config import SCHEMA as CONFIG
from lockgate.core.catalog.all import FINDINGS
from lockgate.core.strict import REQUIRED, Item, Key, Many, Named, Table
from lockgate.trust.policy import SCHEMA as POLICY

PLACE = Path(__file__).resolve().parents[1] / "docs" / "reference"
HUNDREDS = {
    "1": "ingest",
    "2": "validate",
    "3": "train, and its environment, and the judge",
    "4": "register",
    "5": "deploy",
    "6": "serve",
    "7": "the audit log",
    "8": "trust: roles, keys, policy, signatures",
    "9": "platform: sandbox, configuration, command line",
}
EXITS = [(0, "ok"), (1, "refused"), (2, "usage"), (3, "verification failed"), (4, "this machine cannot")]


def commands() -> Iterator[str]:
    """The page of commands."""
    yield "# Commands"
    yield (
        "Data goes to stdout, talk to stderr; `--json` puts one object on stdout. Exit codes: "
        + ", ".join(f"{code} {meaning}" for code, meaning in EXITS)
        + "."
    )
    yield (
        "`REF` is `name`, `name@version`, `name@sha256:...`, a unique digest prefix, `name:live`, `name:live@ENV`, or "
        "`latest`. A path contains `/` or exists."
    )
    for verb in VERBS:
        context = click.Context(cli, info_name="lockgate")
        command = cli.get_command(context, verb)
        if command is None:
            raise AssertionError(verb)
        yield from described(command, context, 2)


def described(command: click.Command, parent: click.Context, depth: int) -> Iterator[str]:
    """One command as its own help tells it, and what is below it."""
    context = click.Context(command, info_name=command.name, parent=parent, max_content_width=110, terminal_width=110)
    yield f"{'#' * depth} `{context.command_path}`"
    yield f"```text\n{command.get_help(context).rstrip()}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from described(below, context, depth + 1)


def configuration() -> Iterator[str]:
    """The page of keys."""
    yield "# Configuration"
    yield (
        "Every key has a default that is safe, but for those that only you can know. An unknown key, a wrong type or a "
        "wrong unit is refused, with file, line and the nearest key that exists."
    )
    yield "## `lockgate.toml`: what to do"
    yield from tables(CONFIG, ())
    yield "## `policy.toml`: what must hold"
    yield "Only its signed form decides anything: `lockgate policy sign`."
    yield from tables(POLICY, ())


def tables(table: Table, path: tuple[str, ...]) -> Iterator[str]:
    """One table of keys for each table of the file."""
    if path:
        yield f"### `[{'.'.join(path)}]`"
    if table.help:
        yield table.help
    keys = [(name, item) for name, item in table.items.items() if isinstance(item, Key)]
    if keys:
        rows = [f"| `{name}` | {cell(key.kind.expects)} | {default(key)} | {cell(key.help)} |" for name, key in keys]
        yield "\n".join(["| key | value | default | what it does |", "| --- | --- | --- | --- |", *rows])
    for name, item in table.items.items():
        if not isinstance(item, Key):
            yield from below(item, (*path, name))


def below(item: Item, path: tuple[str, ...]) -> Iterator[str]:
    """The tables beneath a key; where you choose the name it is written NAME."""
    match item:
        case Table():
            yield from tables(item, path)
        case Many(table=table):
            yield from tables(table, path)
        case Named(item=Key() as key):
            yield f"### `[{'.'.join(path)}]`"
            yield f"Names of your own, each with {key.kind.expects}. {item.help or key.help}".rstrip()
        case Named(item=inner):
            yield from below(inner, (*path, "NAME"))
        case Key():
            pass


def default(key: Key) -> str:
    """A default as the file would spell it."""
    if key.default is REQUIRED:
        return "**you say it**"
    if key.default is None:
        return ""
    return f"`{spelt(with_unit(key))}`"


def with_unit(key: Key) -> object:
    """A default in the unit that a person would write; a size in bytes or a time in seconds says little."""
    units: list[tuple[int, str]] = []
    if key.kind.expects.startswith("a size"):
        units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
    elif key.kind.expects.startswith("a time"):
        units = [(3600, "h"), (60, "min"), (1, "s")]
    elif key.kind.expects.startswith("rows per time"):
        return f"{key.default:g}/s"
    fitting = (f"{key.default / size:g} {unit}" for size, unit in units if key.default % size == 0)
    return next(fitting, key.default)


def spelt(value: object) -> str:
    """A value in TOML's spelling."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case tuple() | list():
            return f"[{', '.join(map(spelt, value))}]"
        case dict():
            return "{}"
        case _:
            return str(value)


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|")


def findings() -> Iterator[str]:
    """The page of findings."""
    yield "# Findings"
    yield (
        "Every refusal and every warning has an id that never changes its meaning. `lockgate explain LG203` prints the "
        "same entry; the id is also in `--json`, in statements and in test names. Beneath a title stands the exit code "
        "of a command that ends with it, or the HTTP status of the answer; nothing stands there where it is told and "
        "the work goes on, or where it depends on the policy."
    )
    for digit, stage in HUNDREDS.items():
        yield f"## LG{digit}xx: {stage}"
        for finding in sorted((f for f in FINDINGS.values() if f.id[2] == digit), key=lambda f: f.id):
            yield f"### {finding.id}: {finding.title}"
            ways = raised.raised().get(finding.id)
            if ways:
                yield f"*{'; '.join(ways)}*"
            yield f"{finding.why}\n\n*What to do:* {finding.do}"


PAGES = {"cli.md": commands, "config.md": configuration, "findings.md": findings, "frameworks.md": frameworks.page}
PAGES["../threats.md"] = threats.page
_MADE = "\n\n<!-- Written by scripts/reference.py: run `make docs`. -->\n"


def main() -> None:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page differs")
    arguments = parser.parse_args()
    stale = []
    texts = {name: "\n\n".join(page()) + _MADE for name, page in PAGES.items()}
    texts |= {file: text_of(which) for which, file in SCHEMAS.items()}
    for name, text in texts.items():
        path = PLACE / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"{'differs from the code' if arguments.check else 'written'}: {', '.join(stale)}", file=sys.stderr)
    sys.exit(1 if stale and arguments.check else 0)


if __name__ == "__main__":
    main()
