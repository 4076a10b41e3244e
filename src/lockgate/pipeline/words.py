"""What a person wrote about the model, for its card. The shell: it reads one file of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lockgate.config import Config
from lockgate.errors import Refused
from lockgate.register.spec import Words
from lockgate.store.files import read_regular

MOST_CARD: Final = 64 << 10


def words_of(root: Path, config: Config) -> Words:
    """The words in lockgate.toml and in the card beside it. Raises Refused LG441 when that is no plain text."""
    return Words(config.description, _card(root, config.card), config.licence, config.data.licence)


def _card(root: Path, name: str) -> str:
    try:
        data = read_regular(root / name, MOST_CARD)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise _refused(name, str(error)) from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(name, f"byte {error.start} is not UTF-8") from None
    bad = next((at for at, one in enumerate(text) if not one.isprintable() and one not in "\t\r\n"), None)
    if bad is not None:
        raise _refused(name, f"character {bad} is U+{ord(text[bad]):04X}, which nobody sees")
    return text


def _refused(name: str, why: str) -> Refused:
    return Refused(
        "LG441",
        f"{name} cannot be part of the model's card: {why}",
        seen={"file": name, "most": MOST_CARD},
        next="save it as UTF-8 text, then: lockgate register",
    )
