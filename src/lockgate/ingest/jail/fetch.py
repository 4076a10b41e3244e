"""Objects of one store -> files, byte for byte. Runs in a jail with a network; parses nothing of what it fetches.

Takes on standard input `{"scheme", "patterns", "fetch", "most", "endpoint", "region", "ca", "key", "secret", "token"}`.
Gives `seen.json`: for each pattern its objects with name, size and version; and, when asked to fetch, each object's
bytes at `/fetched/00000` and so on, in the order of the account.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockgate.contract.jail.outcome import guarded, leave, out_dir, read_task
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.ingest.jail._errors import changed, missing, too_much, worded
from lockgate.ingest.jail._seen import Objects, Seen

SEEN = "seen.json"
FETCHED = Path("/fetched")
MAX_OBJECTS = 10_000


def main(arguments: Sequence[str]) -> None:
    """Entry point of the jail. Takes no arguments."""
    del arguments
    task = read_task()
    guarded(lambda: fetch(task, store_of(task), FETCHED, out_dir()), out_dir(), unexpected="LG136")
    leave()


def store_of(task: Mapping[str, Any]) -> Objects:
    """The store that `task` names. Raises Refused LG126 when its driver is not installed."""
    if task["scheme"] == "https":
        from lockgate.ingest.jail._web import Web

        return Web(task["token"], task["ca"])
    # What drivers would look for by themselves: credentials that the machine has and the project did not name.
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    try:
        from lockgate.ingest.jail._bucket import Bucket, options_of

        return Bucket(task["scheme"], options_of(task["scheme"], task))
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        raise worded(error, f"{task['scheme']}://") from None


def fetch(task: Mapping[str, Any], store: Objects, into: Path, out: Path) -> None:
    """Find, and fetch when asked to. Raises Refused LG101, LG102, LG105, LG126 to LG136."""
    listed: list[list[dict[str, object]]] = []
    number, left = 0, int(task["most"])
    for pattern in task["patterns"]:
        objects = _found(store, pattern, number)
        if task["fetch"]:
            sizes = []
            for one in objects:
                sizes.append(_copied(store, one, into / f"{number:05d}", left, int(task["most"])))
                left -= sizes[-1]
                number += 1
        else:
            sizes = [-1 if one.size is None else one.size for one in objects]
            number += len(objects)
        listed.append(
            [{"name": o.name, "size": size, "version": o.version} for o, size in zip(objects, sizes, strict=True)]
        )
    (out / SEEN).write_bytes(encode({"patterns": listed}))


def _found(store: Objects, pattern: str, before: int) -> list[Seen]:
    try:
        objects = store.find(pattern)
    except Exception as error:  # noqa: BLE001 - as above
        raise worded(error, pattern) from None
    if not objects:
        raise missing(pattern)
    if before + len(objects) > MAX_OBJECTS:
        raise Refused(
            "LG102",
            f"{pattern} matches {len(objects)} objects; at most {MAX_OBJECTS} are read at once",
            seen={"pattern": pattern, "files": len(objects)},
            next="join the objects, or narrow the pattern",
        )
    return objects


def _copied(store: Objects, one: Seen, target: Path, left: int, most: int) -> int:
    """Copy one object; its size. What the store says of it afterwards is what it said before."""
    if one.size is not None and one.size > left:
        raise too_much(one.name, most)
    size = 0
    try:
        with target.open("xb") as file, store.read(one) as pieces:
            for piece in pieces:
                size += len(piece)
                if size > left:
                    raise too_much(one.name, most)
                file.write(piece)
        after = store.look(one.name)
    except FileNotFoundError:
        raise changed(one.name) from None
    except Exception as error:  # noqa: BLE001 - as above
        raise worded(error, one.name) from None
    if after.mark != one.mark or (one.size is not None and size != one.size):
        raise changed(one.name)
    return size
