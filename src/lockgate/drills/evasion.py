"""`lockgate drill evasion`: how many queries it takes to find an input that the live model gets wrong, and who notices.

1. A copy of the project is served (`place`). Attacks on held-out rows ask it as a client without limits, all rows in
   step: what the model can be brought to at all. They are those of the robustness gate (`train.jail.attacks`).
2. Each row's queries, in their order, are given to the gateway's own detectors, as those of a client of its own.
3. One attack is carried out as a customer, one query after the other, under the policy in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lockgate.drills.asking import Connection, Limited
from lockgate.drills.controls import LATE_ROWS, Rules
from lockgate.drills.flips import ByAttack, Tried
from lockgate.drills.place import copy_of, served
from lockgate.drills.rows import Columns, count, records
from lockgate.drills.site import CUSTOMER, Live, Patient, Site, held_raw, live, suspicions
from lockgate.errors import Usage
from lockgate.train.jail.attacks import (
    Answers,
    Attack,
    Space,
    Trail,
    boundary,
    change,
    hop_skip_jump,
    one_by_one,
    square,
    together,
    zoo,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from lockgate.project import Project

    Points = npt.NDArray[np.float64]

CHANGE = "change"
LABELS_ALONE = ("hop-skip-jump", "boundary")
"""Attacks that need no scores, the one that is carried out live first."""
SCORED = ("square", "zoo")
KNOWN = (*LABELS_ALONE, *SCORED)
_MADE: Mapping[str, Callable[..., Attack]] = {
    "hop-skip-jump": hop_skip_jump, "boundary": boundary, "square": square, "zoo": zoo, CHANGE: change,
}  # fmt: skip
_WITH_DISTANCE = ("square", CHANGE)
_MOST_ROWS = 2000
"""Held-out rows of which a space is made."""
_ALIVE = 5000
"""Points between two lines of progress."""


@dataclass(frozen=True)
class Wish:
    """What to try. `mutable`, `attacks`, `distance`: empty or 0 for those of `[robustness]`, else the defaults."""

    ref: str = ""
    environment: str = "dev"
    rows: int = 20
    queries: int = 1000
    mutable: tuple[str, ...] = ()
    attacks: tuple[str, ...] = ()
    distance: float = 0.0
    seed: int = 1


@dataclass(frozen=True)
class Evasion:
    """What a drill found. `spread`: standard deviation of a regression's answers, 0 else."""

    ref: str
    environment: str
    task: str
    wish: Wish
    rules: Rules
    attacks: tuple[ByAttack, ...]
    watched: bool
    spread: float
    live: Live
    live_attack: str

    @property
    def missed(self) -> str:
        """Which control should have acted and did not; "" for none."""
        if not self.watched and self.rules.acts:
            return "the policy lets something follow a suspicion, and this model has no population to suspect by"
        return self.live.missed(self.rules)

    @property
    def unsure(self) -> str:
        """What the live pass had too few queries to tell; "" for nothing."""
        return "" if self.missed else self.live.unsure(self.rules)

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the report's twin."""
        return {
            "model": self.ref,
            "environment": self.environment,
            "task": self.task,
            "rows": self.wish.rows,
            "queries": self.wish.queries,
            "mutable": list(self.wish.mutable),
            "distance": self.wish.distance,
            "seed": self.wish.seed,
            "policy": self.rules.as_json(),
            "watched": self.watched,
            "attacks": [one.as_json(self.wish.distance, self.rules) for one in self.attacks],
            "spread": self.spread,
            "live": self.live.as_json(),
            "live_attack": self.live_attack,
            "missed": self.missed,
            "unsure": self.unsure,
        }


@dataclass
class _Target:
    """The gateway, asked about points of a space; remembers each row's queries and what was said."""

    site: Site
    connection: Connection
    space: Space
    rows: Sequence[int]
    say: Callable[[str], None]
    points: dict[int, list[Points]] = field(default_factory=dict)
    said: dict[int, list[Mapping[str, Any]]] = field(default_factory=dict)
    _told: int = 0

    def ask(self, places: Sequence[int], points: Points) -> Answers:
        """For `together`: `places` are those of attacks. Raises Refused LG988 when it is limited."""
        chosen = [self.rows[place] for place in places]
        answered = self._predicted(self.space.rows(chosen, points))
        for place, point, one in zip(places, points, answered, strict=True):
            self.points.setdefault(place, []).append(point)
            self.said.setdefault(place, []).append(one or {})
        if self.connection.rows - self._told >= _ALIVE:
            self._told = self.connection.rows
            self.say(f"  {self._told:,} queries")
        return answers_of(answered, self.site.classes)

    def starts(self) -> Answers:
        """What is said of the rows themselves."""
        return answers_of(
            self._predicted(self.space.rows(list(self.rows), np.stack([self.space.start(row) for row in self.rows]))),
            self.site.classes,
        )

    def _predicted(self, columns: Columns) -> list[Mapping[str, Any] | None]:
        asked = records(columns, self.site.slots)
        found: list[Mapping[str, Any] | None] = []
        for start in range(0, len(asked), self.site.batch):
            try:
                found += self.connection.predict(asked[start : start + self.site.batch])
            except Limited as limit:
                raise held_raw(limit.finding) from None
        return found


def answers_of(predictions: Sequence[Mapping[str, Any] | None], classes: Sequence[Any]) -> Answers:
    """As attacks take them: a record that was refused, or on which the model abstained, has no answer."""
    if not classes:
        values = [float(one["value"]) if one else np.nan for one in predictions]
        return Answers(np.zeros(len(values), np.int64), None, np.array(values))
    places = {label: place for place, label in enumerate(classes)}
    labels = np.array([places.get(one.get("label"), -1) if one else -1 for one in predictions], np.int64)
    if not all(one and len(one.get("scores") or ()) == len(classes) for one in predictions):
        return Answers(labels)
    return Answers(labels, np.array([list((one or {})["scores"].values()) for one in predictions], np.float64))


def evasion(project: Project, wish: Wish, *, say: Callable[[str], None]) -> Evasion:
    """Attack the model that is live in `wish.environment`. Nothing of the project is changed.

    Raises what `place.copy_of` and `place.served` raise; Usage LG989 where no field may be changed, or none is one;
    Refused LG986 too few rows, LG988 the policy holds back the client that measures; KeyboardInterrupt.
    """
    with copy_of(project, wish.ref, wish.environment, say=say) as copy:
        site = Site.of(project, copy, wish.seed)
        wish = _settled(project, wish, regression=not site.classes)
        found = served(copy, lambda url: _attack(site, wish, url, say))
        return replace(found, live=replace(found.live, records=suspicions(copy, CUSTOMER)))


def _settled(project: Project, wish: Wish, *, regression: bool) -> Wish:
    asked = project.config.robustness
    attacks = wish.attacks or (asked.attacks if asked else KNOWN)
    return replace(
        wish,
        mutable=wish.mutable or (asked.mutable if asked else ()),
        attacks=(CHANGE,) if regression else attacks,
        distance=wish.distance or (asked.middle if asked else 0.5),
    )


def _space(columns: Columns, site: Site, mutable: Sequence[str]) -> Space:
    """Raises Usage LG989."""
    slots = {slot.name: slot for slot in site.slots}
    numbers = [name for name in columns if slots[name].kind in ("float", "int") and not slots[name].choices]
    wrong = [name for name in mutable if name not in numbers]
    if wrong or not mutable:
        message = f"{wrong[0]!r} is no number of a record that could be changed" if wrong else (
            "nobody says which fields an attacker may change"
        )  # fmt: skip
        raise Usage(
            "LG989", message, seen={"numbers": numbers[:50]},
            next=f"lockgate drill evasion --mutable {','.join(numbers[:3]) or 'FIELD'}   # or [robustness] mutable",
        )  # fmt: skip
    kinds = {slot.name: slot.kind for slot in site.slots}
    return Space(columns, kinds, tuple(mutable), {name: (slots[name].low, slots[name].high) for name in mutable})


def _attack(site: Site, wish: Wish, url: str, say: Callable[[str], None]) -> Evasion:
    raw = site.raw(url)
    columns = {name: column[:_MOST_ROWS] for name, column in site.natural().items()}
    space = _space(columns, site, wish.mutable)
    rows = list(range(min(wish.rows, count(columns))))
    say(f"attacking {len(rows)} held-out rows, {wish.queries:,} queries each, by {', '.join(wish.attacks)}")
    target = _Target(site, raw, space, rows, say)
    before = target.starts()
    found = []
    kept: dict[str, _Target] = {}
    for name in wish.attacks:
        target = kept[name] = _Target(site, raw, space, rows, say)
        made = [_made(name, space, row, int(before.labels[row]), wish) for row in rows]
        trails = together(made, target.ask)
        tried = [_watched(site, target, space, place, trail) for place, trail in enumerate(trails)]
        found.append(ByAttack(name, tuple(tried)))
        say(f"  {name}: {len(found[-1].flipped(None))} of {len(found[-1].ran)} rows flipped")
    raw.close()
    name = next((one for one in (*LABELS_ALONE, *wish.attacks) if one in wish.attacks), wish.attacks[0])
    say(f"attacking one row as a customer under the policy in force, by {name}")
    passed = _live(site, wish, url, space, kept[name], next(one for one in found if one.attack == name), before)
    spread = float(np.nanstd(before.values)) if before.values is not None else 0.0
    model = site.copy.model.ref
    return Evasion(
        model, wish.environment, site.copy.io.task, wish, site.rules, tuple(found), site.detectors is not None, spread,
        passed, name,
    )  # fmt: skip


def _made(name: str, space: Space, row: int, label: int, wish: Wish) -> Attack:
    """The same every time: by the drill's seed, the attack and the row."""
    randomness = np.random.default_rng([wish.seed, row, *name.encode()])
    more = (wish.distance,) if name in _WITH_DISTANCE else ()
    return _MADE[name](space, space.start(row), label, wish.queries, randomness, *more)


def _watched(site: Site, target: _Target, space: Space, place: int, trail: Trail) -> Tried:
    """With what the detectors make of its queries, as those of a client of its own."""
    row = target.rows[place]
    if site.detectors is None or not target.points.get(place):
        return Tried(row, trail)
    return Tried(row, trail, site.detectors.watch(*_looked_at(target, space, place), until_held=True))


def _looked_at(
    target: _Target, space: Space, place: int, most: int | None = None
) -> tuple[Columns, list[Mapping[str, Any]]]:
    """Of the first `most` queries about a row those that a gateway looks at, and what was said of them.

    What was refused by the contract, or given no answer, is none.
    """
    points, said = target.points[place], target.said[place][:most]
    looked = [at for at, one in enumerate(said) if one and not one.get("abstained")]
    columns = space.columns(target.rows[place], np.stack([points[at] for at in looked])) if looked else {}
    return columns, [said[at] for at in looked]


def _live(site: Site, wish: Wish, url: str, space: Space, target: _Target, by: ByAttack, before: Answers) -> Live:
    """The attack on one row, if there is any on one that the detectors see: then the gateway must see it too."""
    tried = max(by.tried, key=lambda one: (one.held is not None, one.seen is not None, one.trail.queries))

    def attack(patient: Patient) -> Trail:
        def ask(points: Points) -> Answers:
            asked = records(space.columns(tried.row, points), site.slots)
            return answers_of(patient.predict(asked), site.classes)

        return one_by_one(_made(by.attack, space, tried.row, int(before.labels[tried.row]), wish), ask)

    again = records(space.columns(tried.row, space.start(tried.row)[None]), site.slots)
    found = live(site, url, attack, again)
    place = target.rows.index(tried.row)
    if site.detectors is None or not target.points.get(place):
        return found
    columns, said = _looked_at(target, space, place, found.asked)
    stream = site.detectors.watch(columns, said)
    return found.judged((stream.first, stream.held), site.detectors.watch(columns, said, look=LATE_ROWS))
