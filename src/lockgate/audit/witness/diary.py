"""What each witness said last of each log: a diary, verified by nobody, written after each round and shown by `status`.

state/cosigned/<log>         the newest note with cosignatures (`audit.cosigned.keep`)
state/cosigned/<log>.json    {"v":1,"witnesses":{NAME:{"state","why","tried","time","size"}}}
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit import cosigned
from lockgate.audit.disk import Disk, read_file
from lockgate.core.encoding import decode, encode
from lockgate.core.shown import shown

if TYPE_CHECKING:
    from lockgate.audit.witness.client import Outcome
    from lockgate.core.checkpoint import NoteSignature

ALARMING = ("ahead", "forked")
"""What `audit.witness.client.Outcome` calls a witness that has seen a longer log, or another one."""
_MOST_DIARY = 1 << 20


@dataclass(frozen=True)
class Round:
    """What the witnesses said of one log. `note`: the checkpoint that was sent, with the lines that came back."""

    log: str
    size: int
    note: bytes
    outcomes: tuple[Outcome, ...]

    @property
    def lines(self) -> tuple[NoteSignature, ...]:
        """Every verified line."""
        return tuple(line for one in self.outcomes for line in one.lines)

    @property
    def alarms(self) -> tuple[Outcome, ...]:
        """Who has seen another log than this, or a longer one: LG7012."""
        return tuple(one for one in self.outcomes if one.state in ALARMING)

    def sentence(self, one: Outcome) -> str:
        """One outcome in words, with its finding."""
        if one.state == "cosigned":
            return f"{self.log}: cosigned by {one.witness}, {self.size} entries"
        return f"{self.log}: {'LG7012' if one.state in ALARMING else 'LG7013'} witness {one.witness}: {one.why}"


def keep(home: Path, found: Round, now: float) -> None:
    """Keep the cosigned note, if there is one, and write the diary. Raises OSError."""
    if found.lines:
        cosigned.keep(home, found.log, found.note)
    entries = diary(home, found.log)
    for one in found.outcomes:
        last = entries.get(one.witness, {})
        entries[one.witness] = {
            "state": one.state,
            "why": one.why,
            "tried": int(now),
            "time": one.time if one.time is not None else last.get("time"),
            "size": one.size if one.size is not None else last.get("size"),
        }
    folder, disk = home / "state" / cosigned.FOLDER, Disk()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{found.log}.json.{threading.get_native_id()}"
    fresh.unlink(missing_ok=True)
    disk.write_new(fresh, encode({"v": 1, "witnesses": entries}))
    disk.replace(fresh, folder / f"{found.log}.json")


def diary(home: Path, log: str) -> dict[str, dict[str, Any]]:
    """What each witness said last, by its name; nothing where it cannot be read. Words in it are a stranger's."""
    with suppress(OSError, ValueError):
        value = decode(read_file(home / "state" / cosigned.FOLDER / f"{log}.json", _MOST_DIARY))
        found = value.get("witnesses") if isinstance(value, dict) else None
        if isinstance(found, Mapping):
            return {str(name): dict(each) for name, each in found.items() if isinstance(each, Mapping)}
    return {}


def alarm_lines(home: Path, log: str) -> list[str]:
    """What `status` says loudly: who has seen another log than this one, or a longer one."""
    return [
        f"LG7012 witness {shown(name)} has seen another log of {log} than this one: {shown(str(each.get('why', '')))}"
        for name, each in sorted(diary(home, log).items())
        if each.get("state") in ALARMING
    ]
