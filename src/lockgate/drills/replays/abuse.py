"""Attacks on the model itself by customers, and a world that changes.

Detectors are statistical: each stream of requests here is many times what a bar needs, and the same every time.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from lockgate.drills.replays.records import OK, PREDICT, Record, body, fields, rows, sample, settings, told, until
from lockgate.drills.replays.served import served
from lockgate.drills.replays.spec import Drill, NotApplicable, Tried

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene
    from lockgate.drills.replays.served import Answer, House

_LOG: Final = ("--log", "json")
_FREE: Final = ("--rate", "10000/s", "--burst", "100000")
"""Of a client whom no rate holds back: it is the detectors that are tried."""
_PATIENCE: Final = 12.0
_NUMBERS: Final = ("number", "integer")
_LEAST: Final = 400
"""Rows of a population."""

Make = Callable[[random.Random], Record]


def extraction_queries(scene: Scene) -> Tried:
    """Ask for rows made up from the gateway's own description of a record, as who copies a model does."""
    _enough(scene)
    with served(scene, *_LOG) as house:
        name, key = _customer(scene, house)
        known, one = fields(house, key), sample(scene)
        answers = _ask(house, key, lambda rng: _made(one, known, rng), requests=40, each=10)
        seen = _suspected(scene, house, [name], "LG6102")
    return _abused("400 rows made up from the bounds in /openapi.json were asked for by one customer", answers, seen)


def evasion_queries(scene: Scene) -> Tried:
    """Ask for one row again and again, each time a small step away, to find the border of an answer."""
    _enough(scene)
    if _alike(rows(scene, 4000)):
        raise NotApplicable("rows of this project differ in a field or two by nature, so none is suspiciously near")
    with served(scene, *_LOG) as house:
        name, key = _customer(scene, house)
        known, one = fields(house, key), sample(scene)
        answers = _ask(house, key, lambda rng: _stepped(one, known, rng, len(known)), requests=300, each=2)
        seen = _suspected(scene, house, [name], "LG6101")
    return _abused("600 steps were walked around one row by one customer, two a request", answers, seen)


def split_evasion(scene: Scene) -> Tried:
    """The same, a field at a time, split over keys of which each looks harmless."""
    _enough(scene)
    with served(scene, *_LOG) as house:
        customers = [_customer(scene, house) for _ in range(3)]
        known, one = fields(house, customers[0][1]), sample(scene)
        answers: list[Answer] = []
        for turn in range(10):
            for number, (_, key) in enumerate(customers):
                make: Make = lambda rng: _stepped(one, known, rng, rng.choice((1, 3)))  # noqa: E731 - one line says what it does
                answers += _ask(house, key, make, requests=4, each=5, seed=10 * turn + number)
        seen = _suspected(scene, house, [name for name, _ in customers], "LG6103")
    return _abused("three customers walked around the same row, one field or three at a time", answers, seen)


def drifted_traffic(scene: Scene) -> Tried:
    """Let all that is asked change, as when a supplier sends another unit, and wait whether anybody notices."""
    before = rows(scene, 4000)
    if len(before) < _LEAST:
        raise NotApplicable(f"fewer than {_LEAST} rows of data are found here to ask with")
    kept = {settings(scene).get("monitor", {}).get(name, "") for name in ("time", "site")}
    most = _extremes(before, kept)
    with served(scene, *_LOG) as house:
        _, key = _customer(scene, house)
        make: Make = lambda rng: _moved(rng.choice(before), most, rng)  # noqa: E731 - as above
        # A gateway looks at 2,000 rows a second at most.
        answers = _ask(house, key, make, requests=60, each=100, pause=0.055)
        until(lambda: "LG565" in house.said() or _alarmed(scene), _PATIENCE)
        page = scene.must("monitor", "--once")
        seen = told(house)
    alarms = [alarm for model in page["models"] for alarm in model["alarms"]]
    entry = alarms[0]["log_index"] if alarms else None
    asked = sum(answer.status == OK for answer in answers) * 100
    return Tried(f"{asked:,} rows were asked for in which most fields stood at their ends", "lockgate monitor",
                 (page, seen), reached=not alarms, entry=entry)  # fmt: skip


def _enough(scene: Scene) -> None:
    count = len(rows(scene, _LEAST))
    if count < _LEAST:
        raise NotApplicable(f"a population takes {_LEAST} rows, and {count} are found here (LG994)")


def _customer(scene: Scene, house: House) -> tuple[str, str]:
    """A customer whom no rate holds back: name and key."""
    name = f"customer-{secrets.token_hex(3)}"
    key: str = scene.must("clients", "add", name, *_FREE)["key"]
    if not until(lambda: house.get("/openapi.json", key=key).status == OK, _PATIENCE):
        raise house.failed("a drill's gateway does not get to know a new client")
    return name, key


def _ask(
    house: House, key: str, make: Make, *, requests: int, each: int, pause: float = 0.0, seed: int = 1
) -> list[Answer]:
    rng = random.Random(seed)  # noqa: S311 - the same attack every time
    found = []
    for _ in range(requests):
        found.append(house.post(PREDICT, body(make(rng) for _ in range(each)), key=key))
        time.sleep(pause)
    return found


def _suspected(scene: Scene, house: House, names: Sequence[str], finding: str) -> tuple[Any, ...]:
    """What the operator is told: by the gateway as it runs, and of each customer from the log."""
    until(lambda: finding in house.said(), _PATIENCE)
    return (*(scene.must("clients", "why", name) for name in names), told(house))


def _abused(did: str, answers: Sequence[Answer], seen: tuple[Any, ...]) -> Tried:
    """Reached: every question had its answer."""
    refused = [answer.body for answer in answers if answer.status != OK]
    return Tried(did, f"POST /predict, {len(answers)} times", (*seen, *refused[:5]), reached=not refused)


def _made(one: Record, known: Mapping[str, Any], rng: random.Random) -> Record:
    """A row with every number and every choice drawn evenly from what the contract takes."""
    found = dict(one)
    for name, schema in known.items():
        if name not in one:
            continue
        if schema.get("type") in _NUMBERS:
            low, high = _bounds(one[name], schema)
            found[name] = rng.randint(int(low), int(high)) if schema["type"] == "integer" else rng.uniform(low, high)
        elif schema.get("type") == "boolean":
            found[name] = rng.random() < 0.5
        elif "enum" in schema:
            found[name] = rng.choice(schema["enum"])
    return found


def _stepped(one: Record, known: Mapping[str, Any], rng: random.Random, most: int) -> Record:
    """The row, with up to `most` of its numbers a step away: a hundredth of their range, and ever less."""
    found = dict(one)
    names = [name for name, schema in known.items() if schema.get("type") in _NUMBERS and name in one]
    wide = rng.choice((1e-2, 1e-3, 1e-4))
    for name in rng.sample(names, min(most, len(names))):
        low, high = _bounds(one[name], known[name])
        step = rng.randint(-1, 1) if known[name]["type"] == "integer" else rng.gauss(0, wide) * (high - low)
        found[name] = min(high, max(low, one[name] + step))
    return found


def _bounds(value: float, schema: Mapping[str, Any]) -> tuple[float, float]:
    width = 10 * (abs(value) + 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum", value - width))
    high = schema.get("maximum", schema.get("exclusiveMaximum", value + width))
    return low, high


def _extremes(found: Sequence[Record], kept: set[str]) -> Mapping[str, Any]:
    """The largest value of each field in these rows, but for those by which rows are told apart."""
    most: dict[str, Any] = {}
    for name in found[0]:
        values = [row[name] for row in found if row[name] is not None]
        if values and name not in kept and type(values[0]) in (int, float, str, bool):
            most[name] = max(values)
    return most


def _moved(row: Record, most: Mapping[str, Any], rng: random.Random) -> Record:
    return {name: most[name] if name in most and rng.random() < 0.8 else value for name, value in row.items()}


def _alike(found: Sequence[Record]) -> bool:
    """Whether more than one pair of rows in a thousand differs in a field or two, and not in none."""
    rng = random.Random(1)  # noqa: S311 - the same rows every time
    pairs = list(combinations(rng.sample(found, min(300, len(found))), 2))
    near = sum(0 < sum(a[name] != b[name] for name in a) <= 2 for a, b in pairs)
    return bool(near * 1000 > len(pairs))


def _alarmed(scene: Scene) -> bool:
    done = scene.lockgate("log", "show", "--last", "20")
    entries = done.document.get("entries", ()) if isinstance(done.document, dict) else ()
    return any(one["claim"] == "alarm" for one in entries)


DRILLS: tuple[Drill, ...] = (
    Drill("extraction-queries", "copies the model with made-up rows", "LT23", "abuse-detectors", "LG6102",
          extraction_queries, incident=18, served=True, warns=True,
          limit="statistical: a slow attack over many keys with rows as honest clients send them is bounded by budgets"
          " alone"),
    Drill("evasion-queries", "walks around one row to find where its answer flips", "LT24", "near-duplicates", "LG6101",
          evasion_queries, incident=20, served=True, warns=True,
          limit="a single edit by hand leaves no trail of questions"),
    Drill("split-evasion", "walks around one row with several keys, each of which looks harmless", "LT24",
          "near-duplicates", "LG6103", split_evasion, incident=20, served=True, warns=True,
          limit="statistical: keys that never ask near each other's rows are not seen together"),
    Drill("drifted-traffic", "lets all that is asked change, and sees whether anybody notices", "LT25", "drift-monitor",
          "LG565", drifted_traffic, served=True),
)  # fmt: skip
"""In the order of the pipeline's other end."""
