"""The files of a gateway's spool: `<gateway>.spool`, then `<gateway>.<n>.spool`, each begun when the last is done."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

ENDING = ".spool"
HURRY = ".hurry"
"""`<gateway>.hurry`, an empty file: this gateway's answers wait for the log (`waking`)."""

_NAME = re.compile(r"([0-9a-f]{16})(?:\.([1-9][0-9]{0,8}))?\.spool\Z")


def part_path(folder: Path, gateway: str, number: int) -> Path:
    """Where a gateway's part `number`, from 0, lies."""
    return folder / (f"{gateway}.{number}{ENDING}" if number else f"{gateway}{ENDING}")


def hurry_path(folder: Path, gateway: str) -> Path:
    """Where a gateway says that it waits for the log."""
    return folder / f"{gateway}{HURRY}"


def parts(folder: Path) -> dict[str, list[int]]:
    """The numbers of the parts that lie in `folder`, ascending, by gateway; gateways sorted."""
    found: dict[str, list[int]] = defaultdict(list)
    for path in folder.iterdir():
        name = _NAME.match(path.name)
        if name is not None:
            found[name[1]].append(int(name[2] or 0))
    return {gateway: sorted(found[gateway]) for gateway in sorted(found)}
