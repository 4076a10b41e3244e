"""What the documents say is so: links lead somewhere, commands exist, ids are known, the reference is the code's."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from lockgate.cli.main import VERBS
from lockgate.core.catalog.all import FINDINGS
from lockgate.drills.replays.all import DRILLS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md"), *ROOT.glob("bench/*.md")]
)
WRITTEN_BY_HAND = [page for page in PAGES if "reference" not in page.parts]

page_by_page = pytest.mark.parametrize("page", WRITTEN_BY_HAND, ids=lambda page: page.relative_to(ROOT).as_posix())


def commands_in(text: str) -> list[list[str]]:
    """Each `lockgate ...` in code, as words; a table of exit codes or a sentence about Lockgate is none."""
    code = re.findall(r"^ {4}.*$|`[^`\n]+`|(?<=\n)```.*?```", text, flags=re.MULTILINE | re.DOTALL)
    return [
        found.split()
        for part in code
        for found in re.findall(r"(?<![\w/~.-])(?<!from )lockgate ([a-z][^`#&|)>\n]*)", part)
    ]


def refusal(words: list[str]) -> str:
    """Why the command line would not know this command; empty when it would."""
    if words[0] not in VERBS:
        return f"no command {words[0]!r}"
    name = f"{words[0]}_" if words[0] in ("import", "try") else words[0]
    command = importlib.import_module(f"lockgate.cli.{name}").command
    for depth, word in enumerate(words[1:], start=2):
        if not isinstance(command, click.Group) or not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        if words[0] == "drill" and word in DRILLS:
            break
        if word not in command.commands:
            return f"no command {' '.join(words[:depth])!r}"
        command = command.commands[word]
    before_dashes = words[: words.index("--")] if "--" in words else words
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word for word in before_dashes if word.startswith("--") and word not in known]
    return f"{words[0]} has no {unknown[0]}" if unknown else ""


@page_by_page
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file or a folder that is there."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@page_by_page
def test_commands_exist(page: Path) -> None:
    """Each command that a page shows is one that the command line knows, with those options."""
    shown = commands_in(page.read_text(encoding="utf-8"))
    assert {" ".join(words): why for words in shown if (why := refusal(words))} == {}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("    lockgate fly latest", "no command 'fly'"),
        ("    lockgate log burn", "no command 'log burn'"),
        ("say `lockgate verify latest --quickly` now", "verify has no --quickly"),
        ("    lockgate verify latest --all", ""),
    ],
)
def test_a_wrong_command_is_noticed(line: str, why: str) -> None:
    """Positive control: a command, a subcommand or an option that does not exist is seen."""
    assert [refusal(words) for words in commands_in(line)] == [why]


@page_by_page
def test_ids_are_known(page: Path) -> None:
    """A finding id in a page is one that `lockgate explain` knows."""
    ids = set(re.findall(r"\bLG\d{3,4}\b", page.read_text(encoding="utf-8")))
    assert ids - set(FINDINGS) == set()


def test_the_reference_is_written_from_the_code() -> None:
    """docs/reference/ is what scripts/reference.py writes today."""
    program = [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
