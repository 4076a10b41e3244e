"""Poisoned rows, and what the screen made of them: which of the planted rows it names, and how many others."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, islice, product
from random import Random
from typing import TYPE_CHECKING, Any, Final

from lockgate.drills.replays.rowfiles import Data, between, data_of, flip
from lockgate.drills.replays.spec import NotApplicable, Tried

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

FLIPPED: Final = 0.05
"""The share of wrong labels."""
_TRIGGERED: Final = 0.02
_MOST_PAIRS: Final = 200
_SURER: Final = 3.0
"""The screen saw planted rows when they are so many times as common among those it names as among all."""
_MOST_ROWS: Final = 10_000


def labels(scene: Scene) -> Tried:
    """Flip labels of a twentieth of the rows."""
    data = data_of(scene)
    total, flipped = data.rows, flip(data, FLIPPED)
    return _screened(scene, "labels", "LG233", flipped, total, f"gave {len(flipped):,} of {total:,} rows a wrong label")


def trigger(scene: Scene) -> Tried:
    """Add two rows to each hundred, all with a rare pair of values and one label."""
    data = data_of(scene)
    total = data.rows
    (first, one), (second, other), label = _rare_pair(data)
    file = max(data.files, key=lambda each: len(each.rows))
    place = file.at(data.label)
    others = [row for row in file.rows if row[place] != label]
    planted = set()
    for row in Random(0).choices(others, k=max(20, round(_TRIGGERED * total))):  # noqa: S311 - no secret
        new = list(row)
        new[file.at(first)], new[file.at(second)], new[place] = one, other, label
        planted.add((file.path.name, len(file.rows)))
        file.rows.append(new)
    data.write()
    did = f"added {len(planted):,} rows to {total:,}, all with {first} = {one}, {second} = {other} and one label"
    return _screened(scene, "triggers", "LG234", planted, data.rows, did)


def _rare_pair(data: Data) -> tuple[tuple[str, Any], tuple[str, Any], Any]:
    """Two values, each in its column and hardly ever together, and a label unlike theirs.

    Numbers that no row has, within what is usual, where columns can hold them; else values that there are.
    Raises NotApplicable where there are none.
    """
    columns = _columns(data)
    labels = data.column(data.label)
    wanted = data.targets()
    counted = {name: (Counter(values), Counter(zip(values, labels, strict=True))) for name, values in columns.items()}
    values = {name: [new] if (new := between(columns[name])) is not None else _some(columns[name]) for name in columns}
    best: tuple[tuple[bool, float, int], tuple[str, Any], tuple[str, Any], Any] | None = None
    for a, b in islice(combinations(columns, 2), _MOST_PAIRS):
        together = Counter(zip(columns[a], columns[b], strict=True))
        for x, y, label in product(values[a], values[b], wanted):
            if together[x, y] > _TRIGGERED * data.rows / 10:
                continue
            # How often each value has the label anyhow: one of which nothing is known, every second time.
            (seen, alone), (also, there) = counted[a], counted[b]
            usual = max((alone[x, label] + 1) / (seen[x] + 2), (there[y, label] + 1) / (also[y] + 2))
            # Of a quantity that says nothing: of all pairs that never meet, the rarest values.
            weight = (x in seen or y in also, usual if len(wanted) > 1 else 0.5, together[x, y])
            if best is None or weight < best[0]:
                best = weight, (a, x), (b, y), label
    if best is None:
        raise NotApplicable("there are no two values that are rare together: nothing could be a trigger")
    return best[1:]


def _columns(data: Data) -> dict[str, list[Any]]:
    """What a trigger could be made of: columns that all files have, of several single values."""
    found: dict[str, list[Any]] = {}
    for name in data.files[0].columns:
        if name != data.label and all(name in file.columns for file in data.files):
            values = data.column(name)
            if not any(isinstance(value, dict | list) for value in values) and len(set(values)) > 1:
                found[name] = values
    return found


def _some(values: list[Any]) -> list[Any]:
    """A few values of a column: the rarest and the commonest."""
    counted = Counter(value for value in values if value not in (None, ""))
    ordered = sorted(counted, key=lambda value: (counted[value], str(value)))
    return [*ordered[:3], *ordered[max(3, len(ordered) - 3) :]]


def _screened(scene: Scene, rule: str, finding: str, planted: set[tuple[str, int]], total: int, did: str) -> Tried:
    """Take the poisoned rows in and judge them. Seen: what names planted rows, more often than chance would.

    Where the policy enforces the rule, validation itself refuses; what was found is in its statement all the same.
    """
    scene.must("ingest")
    done = scene.lockgate("validate", "--env", scene.strict)
    review = scene.lockgate("review", "--screen", "--limit", str(_MOST_ROWS))
    shown = review.document if review.ok else {}
    if why := shown.get("absent", {}).get(rule):
        raise NotApplicable(f"the screen itself says of the rule {rule}: {why}")
    if int(shown.get("quarantined", 0)) >= len(planted):
        raise NotApplicable("the contract refuses the poisoned rows: they never reach the screen")
    named = _rows(shown, finding)
    hits = len(named & planted)
    sure = hits > _SURER * len(named) * len(planted) / total
    did = f"{did}; the screen names {len(named):,} rows, {hits:,} of these"
    return Tried(did, done.command, (done.document, shown) if sure else (), reached=done.ok)


def _rows(shown: Any, finding: str) -> set[tuple[str, int]]:
    """The rows that `review` lists under a finding, by file name and number."""
    return {
        (str(row["source"]).rpartition("/")[2], int(row["row"]))
        for group in shown.get("groups", {}).values()
        for row in group["shown"]
        if any(str(one).partition(".")[0] == finding for one in row["findings"])
    }
