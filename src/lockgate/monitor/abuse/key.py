"""One entity that asks (a client, an organisation, a prefix of addresses): its detectors, and what they say."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lockgate.monitor.abuse.coded import Array, Coded, Coder
from lockgate.monitor.abuse.near import Kinds, Near
from lockgate.monitor.abuse.novel import Novel, Novelty
from lockgate.monitor.abuse.population import Population
from lockgate.monitor.abuse.said import Said

Scores: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Raised:
    """What a detector says of a key, once, when it is first over its bar: counts alone, no row and no value.

    `rule`: "near", "novel", "shared", "leak-day" or "leak-life".
    """

    rule: str
    evidence: Mapping[str, int]


class Model:
    """What is the same for all keys of a served model, made ready once. `salt`: a secret number below 2**64."""

    def __init__(self, population: Population, salt: int) -> None:
        self.population = population
        self._coder = Coder(population, salt)
        self.novelty = Novelty(population)

    def seen(
        self, columns: Mapping[str, Array], rows: int, whole: Sequence[Hashable] | None = None
    ) -> tuple[Coded, Scores]:
        """Rows as the detectors take them. `columns`: as `binning.columns_of` makes them; `whole`: see `Coder.rows`."""
        coded = self._coder.rows(columns, rows, whole)
        return coded, self.novelty.scores(coded)


class Key:
    """The state of one entity, of fixed size. `edits`: it is declared that it asks "what if"."""

    def __init__(self, model: Model, randomness: np.random.Generator, *, edits: bool = False) -> None:
        self._model, self._randomness, self._edits = model, randomness, edits
        self.forget()

    def forget(self) -> None:
        """An operator cleared it: as if it had asked nothing yet."""
        self._near = Near(self._model.population, self._randomness, edits=self._edits)
        self._novel = Novel(self._model.novelty)
        self._told: set[str] = set()

    def take(self, coded: Coded, scores: Scores, said: Said) -> tuple[Kinds, list[Raised]]:
        """Look at answered rows, in their order: the kind of each, and which detectors are over their bar since now."""
        kinds = self._near.take(coded, said)
        self._novel.take(scores, said, kinds, self._model.novelty.same(coded, scores))
        found = []
        for rule, detector in (("near", self._near), ("novel", self._novel)):
            if detector.raised and rule not in self._told:
                self._told.add(rule)
                found.append(Raised(rule, dict(detector.evidence)))
        return kinds, found

    @property
    def added(self) -> int:
        """How many rows added to what `near` raises by: whoever is raised and goes on is seen by it."""
        return self._near.added

    def evidence(self) -> Mapping[str, int]:
        """What all detectors count, whether over their bar or not."""
        return {**self._novel.evidence, **self._near.evidence}
