"""Rows to what they say of who asked them. Imports numpy: made in a thread, when it is needed.

The population is in a file of the registered closure, made in a jail from somebody's rows: what is wrong in it ends in
an exception here, and turns looking off, not the gateway. So does a row that a detector fails on, of its client alone.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from lockgate.monitor.abuse.key import Key, Model, Raised
from lockgate.monitor.abuse.leak import price
from lockgate.monitor.abuse.near import NEW, PROBE
from lockgate.monitor.abuse.novel_facts import WATCHED
from lockgate.monitor.abuse.pool import Pool
from lockgate.monitor.abuse.said import Said, said_of
from lockgate.monitor.binning import columns_of
from lockgate.monitor.plan import INPUTS, OUTPUTS, parse_plan, population_of
from lockgate.serve.abuse.entities import Entity, Groups, Kept

if TYPE_CHECKING:
    import numpy.typing as npt

    from lockgate.monitor.abuse.coded import Coded
    from lockgate.serve.abuse.waiting import Row
    from lockgate.serve.spec import Client, Served

    Places = npt.NDArray[np.intp]
    Kinds = npt.NDArray[np.uint8]

NO_POPULATION = "no population"
_NUMBERS = count()
_ODD = 2.0 ** (-WATCHED[-1] / 2)
"""The tail rank of rows that `Novel` counts for a suspicion."""


@dataclass
class Remembered:
    """A key, and what was seen of it. `edits`: as its client was declared."""

    key: Key
    edits: bool
    seen: set[str] = field(default_factory=set)

    @property
    def suspected(self) -> bool:
        """Whether it must not be forgotten."""
        return bool(self.seen)


@dataclass
class Looked:
    """What a chunk says. `raised`: of whom, by the row of which client, and what; `counted`: of whom so many rows speak
    for it, by rule; `bits`: given away, by client. `failed`: rows of a client that were passed over, and why.
    `clients`: whose rows these are, by name.
    """

    raised: list[tuple[Entity, str, Raised]] = field(default_factory=list)
    counted: dict[Entity, Mapping[str, int]] = field(default_factory=dict)
    bits: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: list[tuple[str, int, Exception]] = field(default_factory=list)
    clients: dict[str, Client] = field(default_factory=dict)
    rows: int = 0
    broken: Exception | None = None
    """Why it was not looked whether several do so together."""


class Looking:
    """Of one model by its name: a later version with the same fields is looked at by the population of the first."""

    def __init__(
        self, files: Mapping[str, bytes], kept: Kept[Remembered], groups: Groups, given: Sequence[str]
    ) -> None:
        """`files`: the model's plans; `given`: the fields that it is given. Raises LookupError without a population, or
        with one that is of other fields; whatever for one that is none.
        """
        inputs, outputs = (parse_plan(files[name]) if name in files else None for name in (INPUTS, OUTPUTS))
        population = population_of(inputs, outputs, given)
        if population is None:
            raise LookupError(NO_POPULATION)
        self.silent = population.silent
        """By which rules nobody can be raised."""
        self._model = Model(population, secrets.randbits(64))
        self._pool = Pool(population)
        self._kept, self._groups, self._number = kept, groups, next(_NUMBERS)
        self._randomness = np.random.default_rng(secrets.randbits(128))

    def look(self, rows: Sequence[Row], served: Served, form: Callable[[Client], str]) -> Looked:
        """Look at answered rows, in their order. `form`: of the answers that a client gets, see `leak.price`."""
        found = Looked()
        try:
            self._look(rows, served, form, found)
        except Exception:  # noqa: BLE001 - whose rows it is shows when each client is looked at alone
            # What a key said it says once. Rows that were counted before are repetitions now, which count nowhere.
            found = Looked(raised=found.raised)
            by_client: dict[str, list[Row]] = defaultdict(list)
            for row in rows:
                by_client[row.client.name].append(row)
            for name, own in by_client.items():
                try:
                    self._look(own, served, form, found)
                except Exception as error:  # noqa: BLE001 - rows are anybody's: the others are looked at
                    found.failed.append((name, len(own), error))
        return found

    def forget(self, entity: Entity) -> None:
        """An operator cleared it."""
        self._kept.drop((self._number, *entity))
        if entity[0] == "client":
            self._pool.forget(entity[1])

    def evidence(self, entity: Entity) -> Mapping[str, int]:
        """What is counted of it now; of a cluster what is of the client itself."""
        scope, who = entity
        known = self._kept.get((self._number, "client" if scope == "cluster" else scope, who))
        return known.key.evidence() if known is not None else {}

    def close(self) -> None:
        """Nobody looks at this model any more."""
        self._kept.drop_all(self._number)

    def _look(self, rows: Sequence[Row], served: Served, form: Callable[[Client], str], found: Looked) -> None:
        names = [one.name for one in served.fields]
        kinds_of = {one.name: one.kind for one in served.fields}
        with np.errstate(all="ignore"):  # rows are anybody's: extreme numbers overflow
            columns = columns_of(kinds_of, names, [row.values for row in rows])
            # As the rows were sent: some fields are not compared, and who changes those asks something else.
            coded, scores = self._model.seen(columns, len(rows), [row.whole for row in rows])
            said = said_of([row.said for row in rows], served.classes)
            kinds = np.zeros(len(rows), np.uint8)
            # Each step over all rows before the next: what fails then fails before a part of them has counted.
            clients = _places([row.client.name for row in rows])
            for name, places in clients.items():
                client = found.clients[name] = rows[places[-1]].client
                kinds[places] = self._one(("client", name), client, (coded, scores, said), places, found)
                found.bits[name] += float(np.sum(price(form(client), kinds[places], scores[places])))
            for entity, places in self._together(rows, clients).items():
                self._one(entity, rows[places[-1]].client, (coded, scores, said), places, found)
            own = [row.client.name for row in rows]
            try:
                for together, raised in self._pool.take(coded, said, own, kinds):
                    found.raised += [(("cluster", name), name, raised) for name in together]
            except Exception as error:  # noqa: BLE001 - what each key has seen stands
                found.broken = error
        found.rows += len(rows)

    def _one(
        self,
        entity: Entity,
        client: Client,
        seen: tuple[Coded, npt.NDArray[np.float32], Said],
        at: Places,
        found: Looked,
    ) -> Kinds:
        coded, scores, said = seen
        edits = client.edits and entity[0] == "client"
        place = (self._number, *entity)
        known = self._kept.get(place)
        if known is not None and known.edits != edits:
            self._kept.drop(place)
        known = self._kept.use(place, lambda: Remembered(Key(self._model, self._randomness, edits=edits), edits))
        if known is None:
            return np.zeros(len(at), np.uint8)
        # Nearly always one after the other: then nothing is copied.
        part = slice(at[0], at[-1] + 1) if at[-1] - at[0] + 1 == len(at) else at
        own = (coded.part(part), scores[part], Said(said.labels[part], said.margins[part]))
        before = known.key.added
        kinds, raised = known.key.take(*own)
        for one in raised:
            known.seen.add(one.rule)
            found.raised.append((entity, client.name, one))
        # Of each detector the rows by which it raises, so that who goes on as before is seen to.
        found.counted[entity] = {
            "near": known.key.added - before,
            "shared": int(np.count_nonzero(kinds == PROBE)),
            "novel": int(np.count_nonzero((kinds == NEW) & (own[1] <= _ODD))),
        }
        return kinds

    def _together(self, rows: Sequence[Row], clients: Mapping[str, Places]) -> dict[Entity, Places]:
        """The rows of those who belong together, where they are several."""
        organised = {rows[places[0]].client.organisation for places in clients.values()} - {""}
        found: dict[Entity, Places] = {}
        if organised:
            for name, places in _places([row.client.organisation for row in rows]).items():
                if name and self._groups.organised(name, {rows[at].client.name for at in places}):
                    found["organisation", name] = places
        addresses = _places([row.address for row in rows])
        for address, places in addresses.items():
            place = self._groups.place(address)
            if place and self._groups.joined(place, {rows[at].client.name for at in places}):
                entity = ("address", place)
                found[entity] = np.sort(np.concatenate((found[entity], places))) if entity in found else places
        return found


def _places(names: Sequence[str]) -> dict[str, Places]:
    """The places of each name, in order."""
    first = names[0] if names else ""
    if names.count(first) == len(names):  # by far the most: one client's rows
        return {first: np.arange(len(names))} if names else {}
    found: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        found[name].append(at)
    return {name: np.array(places, np.intp) for name, places in found.items()}
