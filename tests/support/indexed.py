"""Records of every kind, in logs small enough that an index of a few segments is made in milliseconds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lockgate.audit.index.store import FEW, Index, Place
from lockgate.core.digest import digest_of
from lockgate.core.record_kinds import (
    FeedbackRecord,
    FileRecord,
    ObservedRecord,
    Of,
    RefusedRecord,
    RequestRecord,
    UnrecordedRecord,
)
from lockgate.core.record_suspicion import SuspicionRecord
from lockgate.core.record_window import WindowRecord
from lockgate.core.records import PredictionRecord, Record
from tests.support.sealing import read, write

WIDTH = 32
A, B = "a" * 16, "b" * 16
ADA, BOB = "1" * 16, "2" * 16
ONE, TWO = digest_of(b"one"), digest_of(b"two")
NOON = 1_760_000_000_000
HOUR = 3_600_000


def record(gateway: str, seq: int, seed: int) -> Record:
    """One of any kind, the same for the same arguments; most are predictions."""
    rng = random.Random(seed)
    place: dict[str, Any] = {"gateway": gateway, "seq": seq, "time": NOON + seed * HOUR + rng.randrange(HOUR)}
    of: dict[str, Any] = {
        "model": rng.choice((ONE, TWO)),
        "environment": rng.choice(("dev", "prod")),
        "rung": rng.choice(("live", "canary")),
    }
    who = {**of, "client": rng.choice((ADA, BOB))}
    said = [rng.randbytes(32).hex() for _ in range(4)]
    observed = {**of, "base": ONE, "step": 3, "counts": {"seq": 5, "time": 1}}
    since: dict[str, Any] = {"since": NOON}
    counted: dict[str, Any] = dict.fromkeys(("rows", "dropped", "seen", "labelled", "stride"), 3)
    kinds: tuple[Record, ...] = (
        UnrecordedRecord(**place, rows=rng.randrange(9), **since),
        FileRecord(**place, **who, rows=rng.randrange(10_000), root=said[0]),
        ObservedRecord(**place, **observed),
        SuspicionRecord(**place, **who, rule="near", scope="client", level=1, counts={"probes": 4}, **since),
        WindowRecord(**place, **of, life=0, bins=((0, 0, (1, 2)),), **counted, **since),
    )
    match rng.randrange(12):
        case 0:
            return rng.choice(kinds)
        case 1 | 2:
            return RefusedRecord(**place, **who, input=said[0], finding=rng.choice(("LG612", "LG6120")))
        case 3 | 4:
            prediction = Of(rng.choice((A, B)), rng.randrange(60), rng.randrange(3))
            return FeedbackRecord(**place, client=who["client"], label=said[0], of_=prediction)
        case 5 | 6:
            return PredictionRecord(**place, **who, input=said[0], output=said[1])
        case _:
            rows, tag = rng.randrange(1, 3), rng.choice((None, said[3][:32]))
            return RequestRecord(
                **place, **who, first=0, inputs=(*said[:rows],), outputs=(*said[2 - rows : 2],), tag=tag
            )


def records(count: int) -> list[Record]:
    """Of two gateways that take turns."""
    return [record((A, B)[seed % 2], seed // 2, seed) for seed in range(count)]


def entries(count: int) -> list[bytes]:
    """The same as the log has them."""
    return [one.encode() for one in records(count)]


def place(folder: Path, width: int = WIDTH) -> Place:
    """An index beside a log: its segments, and the manifest in another folder."""
    return Place(folder / "index", folder / "own" / "predictions.index", width)


def indexed(
    folder: Path, leaves: Sequence[bytes] = (), *, width: int = WIDTH, fresh: bool = False, few: int = FEW
) -> Index:
    """The index of the log in `folder`, after `leaves` were added to it."""
    if leaves:
        write(folder / "log", leaves)
    return Index(replace(place(folder, width), few=few), read(folder / "log"), fresh=fresh)
