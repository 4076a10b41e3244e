"""Each command that Lockgate tells a person to type exists, with the options that are told: read from the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.next_commands import commands_in, fault, told_in

SOURCE = Path(__file__).parents[2] / "src" / "lockgate"


def test_each_command_in_the_source_can_be_typed() -> None:
    """Verbs, options and the number of words are those of the command line, in refusals, hints and the catalogue."""
    told = [one for path in sorted(SOURCE.rglob("*.py")) for one in told_in(path)]
    assert len(told) > 1000  # the reader reads
    assert [f"{one.where}: {one.text}: {why}" for one in told if (why := fault(one.text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "lockgate rnu",
        "lockgate run --fast",
        "lockgate log show --predictions",
        "lockgate log shwo",
        "lockgate deploy a b c",
        "lockgate revoke REF",
        "lockgate clients add NAME --budget",
        "lockgate serve --log xml",
        "lockgate doctor 'open",
    ],
)
def test_a_command_that_does_not_exist_is_seen(text: str) -> None:
    """A wrong verb, option, value, too many words, too few: each is named."""
    assert fault(text)


@pytest.mark.parametrize(
    "text",
    [
        "lockgate run",
        "lockgate log show 7",
        "lockgate drill --list",
        "lockgate review --screen",
        "lockgate review mark ROWS good|bad --reason WHY",
        "lockgate jail -- python -c 'import x'",
        "lockgate BLANK",
        "lockgate serve BLANK --env BLANK",
    ],
)
def test_a_command_that_exists_passes(text: str) -> None:
    """With its options, with words that are filled in later, and below a group that does something by itself."""
    assert fault(text) == ""


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("lockgate run", ["lockgate run"]),
        ("add onnx to requirements.in, then: lockgate lock", ["lockgate lock"]),
        ("lockgate trust show   # who holds it", ["lockgate trust show"]),
        (
            "`lockgate status` says why; `lockgate rollback ENV` goes back.",
            ["lockgate status", "lockgate rollback ENV"],
        ),
        ("what Lockgate says", []),
    ],
)
def test_commands_are_found_in_sentences(text: str, commands: list[str]) -> None:
    """At the beginning, after a word such as then, between backticks; no other use of the name counts."""
    assert list(commands_in(text)) == commands
