"""`lockgate explain`: words, findings, and how a threat can stand."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lockgate.cli.explain import command
from lockgate.core.words import STATUSES, WORDS
from lockgate.errors import Usage
from lockgate.threats.rules import STATUSES as COMPUTED


def test_each_status_that_is_computed_is_explained() -> None:
    """In small letters too."""
    assert set(COMPUTED) == set(STATUSES)
    for one in STATUSES:
        done = CliRunner().invoke(command, [one.lower(), "--json"])
        assert (0, one) == (done.exit_code, json.loads(done.stdout)["status"])


@pytest.mark.parametrize("topic", ["contract", "LG203", "lg203"])
def test_words_and_findings_are_explained(topic: str) -> None:
    """As before."""
    assert CliRunner().invoke(command, [topic]).exit_code == 0
    assert topic in WORDS or topic.upper() == "LG203"


@pytest.mark.parametrize(
    ("topic", "following"),
    [("LT01", "lockgate threats LT01"), ("lt14", "lockgate threats LT14"), ("modell", "lockgate explain model")],
)
def test_what_is_no_topic_names_the_next_command(topic: str, following: str) -> None:
    """A threat is explained by another command; a misspelt word by its neighbour."""
    found = CliRunner().invoke(command, [topic]).exception
    assert isinstance(found, Usage)
    assert ("LG941", following) == (found.finding, found.next)
