"""pipeline.words: a person's card is plain text, or the model is not registered with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.config import Config, read_config
from lockgate.errors import LockgateError, Usage
from lockgate.pipeline.words import MOST_CARD, words_of

TOML = """
[project]
name = "flights"
description = "all flights"
{project}
[data]
sources = ["a.csv"]
contract = "contract.py:Flight"
label = "late"
{data}
"""


def _config(project: str = "", data: str = "") -> Config:
    return read_config(TOML.format(project=project, data=data))


def test_the_words_come_from_the_project_and_the_file_beside_it(tmp_path: Path) -> None:
    """card.md where it is, or the one that `card` names; licences in SPDX's spelling."""
    assert words_of(tmp_path, _config()).card == ""
    (tmp_path / "card.md").write_text("# Grüße\n\tfor planning\n")
    found = words_of(tmp_path, _config('licence = "apache-2.0"', 'licence = "CC0-1.0"'))
    assert (found.description, found.card) == ("all flights", "# Grüße\n\tfor planning\n")
    assert (found.licence, found.data_licence) == ("Apache-2.0", "CC0-1.0")
    (tmp_path / "other.md").write_text("other")
    assert words_of(tmp_path, _config('card = "other.md"')).card == "other"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\x1b[2J", "a\u202eb".encode(), b"x" * (MOST_CARD + 1)])
def test_what_nobody_sees_is_no_word(tmp_path: Path, content: bytes) -> None:
    """Not UTF-8, control characters, turned text, too much of it: refused by name."""
    (tmp_path / "card.md").write_bytes(content)
    with pytest.raises(LockgateError) as no:
        words_of(tmp_path, _config())
    assert no.value.finding in {"LG441", "LG806"}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """What lies elsewhere would be published with the model."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "card.md").symlink_to(tmp_path / "secret")
    with pytest.raises(LockgateError):
        words_of(tmp_path, _config())


@pytest.mark.parametrize("licence", ["free as in beer", "MIT OR", "3"])
def test_a_licence_is_an_spdx_expression(licence: str) -> None:
    """Free text is refused where it stands."""
    with pytest.raises(Usage) as no:
        _config(f'licence = "{licence}"')
    assert "SPDX" in str(no.value)
