"""Rows of one key that lie nearer to each other than the population's ever do: somebody feels for the model's border.

A key has a table of at most 128 rows that it asked (*anchors*). Each further row is compared with all of them, and is

    NEW       far from all; it takes the place of an anchor of no count
    REPEAT    the same record again, a retry: it never counts
    EDIT      one or two fields are others, and visibly so: what a person does who asks "what if"; or no field that is
              compared is another, but the record is (a moment, a name, the same number spelt otherwise)
    PROBE     near, and not so: many fields moved a little at once, or one by next to nothing

Two rows are near if they agree in more than rows of the population do (`NearFacts`): in values that are exactly the
same, and in values that lie close together among the population's. That counts coincidences: a field of few values
says little, one of many says much.

Each anchor has a count of what came near it. A PROBE adds four to all anchors that it is near to. An EDIT adds one to
the nearest, as does the next small step of the same field; but who edits one row in its fifth, sixth, seventh field
feels for what matters, and each of these adds four. So persons, who edit a few fields of a case, in steps that one can
see, stay below what an attack of some tens of queries has. Of rows that differ in nothing that is compared each eighth
adds one: a retry with another moment is harmless, who asks hundreds feels for what the model makes of such fields.

A hand goes around the table as new rows come: it takes the next anchor without a count for the row, and one off each
count that it passes (as page replacement by a clock does). So the neighbourhood of an attack stays however many rows
lie between its queries, until it is less than about one row in 500: so dense are places of a population by nature. A
key that has many such places at once is a book that is asked again and again, and has a higher bar.

What a row is depends on the rows before it, not on how they were cut into blocks. The state has a fixed size.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from lockgate.monitor.abuse.coded import Coded, compared
from lockgate.monitor.abuse.facts import Population
from lockgate.monitor.abuse.likeness import Likeness
from lockgate.monitor.abuse.said import Said

Kinds: TypeAlias = npt.NDArray[np.uint8]
Flags: TypeAlias = npt.NDArray[np.bool_]

NEW, REPEAT, EDIT, PROBE = range(4)

MOST_ANCHORS, MOST_BYTES = 128, 13_000
"""Of a table: anchors, and bytes: 3 for each field of an anchor."""
KNOWN, SHARED = 512, 4
"""Places of hashes of rows that were near: one that is there comes again. Each may take any of four, the oldest goes:
with one place for each, two rows of an honest client that retries would drive one another out, and count each time."""
FEW, ONE_BELOW = 2, 8
"""Fields that a person changes at once; one, where there are fewer than eight."""
SMALL: Final = 3
"""Of 250 ranks: who moves a value by less asks for no visible change."""
OWN: Final = 4
"""Fields of one row that a person edits; each further one counts as a probe."""
NATURAL_EDITS: Final = 100
"""With more pairs of the population in a million that are near but for a field or two, an edit says nothing."""
PROBED, EDITED, BAR = 4, 1, 48
"""What a row adds, and the count of an anchor with which a key is raised."""
CROWD, MOST_TIMES = 8, 3
"""So many other places of half that count raise the bar by itself again, to three times at most."""
UNSEEN: Final = 8
"""So many rows that differ in nothing that is compared add as much as one edit."""
BLOCK: Final = 32

_HIGH = 0xFFFF0000


class Near:
    """The state of one key. `edits`: it is declared that whoever has it asks "what if". `randomness` is not needed.

    `raised`: over the bar, until forgotten; `added`: how many rows added to a count, whether over the bar or not.
    """

    def __init__(self, population: Population, randomness: np.random.Generator, *, edits: bool = False) -> None:
        del randomness
        fields, facts = len(population.fields), population.near
        self._likeness = Likeness(facts.within, facts.same)
        self._points = facts.points
        self._few = FEW if fields >= ONE_BELOW else 1
        self._natural = facts.edits > NATURAL_EDITS
        self._edited_adds = 0 if edits or self._natural else EDITED
        self._size = min(MOST_ANCHORS, MOST_BYTES // (3 * fields))
        self._ranks = np.zeros((fields, self._size), np.uint8)
        self._exact = np.zeros((fields, self._size), np.uint16)
        self._whole = np.zeros(self._size, np.uint32)
        self.forget()

    def forget(self) -> None:
        """As if nothing had been asked yet."""
        self._counts = np.zeros(self._size, np.int32)
        self._known = array("I", [0] * KNOWN)
        self._labels = array("i", [0] * self._size)
        self._unseen = array("B", [0] * self._size)
        # Of each anchor the fields in which it was edited, and those of the last time, as bits.
        self._edited, self._last = array("Q", [0] * self._size), array("Q", [0] * self._size)
        self._held = self._hand = 0
        self._seen = [0, 0, 0, 0]
        self._densest = self._flips = self.added = 0
        self.raised = False

    @property
    def evidence(self) -> Mapping[str, int]:
        """How many rows were what; `flips`: near rows of another label; `densest`: the most of one place, in probes."""
        new, repeats, edits, probes = self._seen
        return {
            "rows": new + repeats + edits + probes,
            "repeats": repeats,
            "edits": edits,
            "probes": probes,
            "flips": self._flips,
            "densest": self._densest // PROBED,
        }

    def take(self, coded: Coded, said: Said) -> Kinds:
        """Look at n rows, in their order. Gives the kind of each."""
        kinds = np.zeros(len(coded.ranks), np.uint8)
        short = coded.exact.astype(np.uint16)
        hashes = compared(coded.exact)
        # Of a row that was near half a hash of what is compared, half a hash of the record.
        words = (hashes & np.uint32(_HIGH) | coded.whole & np.uint32(0xFFFF)).tolist()
        known = list(zip((hashes % (KNOWN // SHARED) * SHARED).tolist(), words, strict=True))
        labels = said.labels.tolist()
        for at in range(0, len(kinds), BLOCK):
            part = slice(at, at + BLOCK)
            self._block((coded.ranks[part], short[part]), coded.whole[part], known[part], labels[part], kinds[part])
        return kinds

    def _block(
        self,
        coded: tuple[Kinds, npt.NDArray[np.uint16]],
        whole: npt.NDArray[np.uint32],
        known: list[tuple[int, int]],
        labels: list[int],
        kinds: Kinds,
    ) -> None:
        (ranks, exact), rows, size = coded, len(kinds), self._size
        # Columns: the anchors as they are, then the rows of the block, of which each row is compared with those before.
        points = np.zeros((rows, size + rows), np.uint8)
        if held := self._held:
            points[:, :held] = self._likeness(coded, (self._ranks[:, :held], self._exact[:, :held]))
        if rows > 1:
            points[:, size:] = self._likeness(coded, (ranks.T, exact.T))
            points[:, size:] *= np.tri(rows, rows, -1, np.uint8)
        points *= points >= self._points
        owners = np.arange(size)  # Of each anchor the column that it is now.
        for row, some in enumerate(np.any(points, axis=1).tolist()):
            found = points[row].take(owners[: self._held]) if some else None
            if found is None or not found.any():
                owners[self._freed(labels[row])] = size + row
                continue
            slot = int(found.argmax())
            column = int(owners[slot])
            there = self._ranks[:, slot] if column < size else ranks[column - size]
            same = self._exact[:, slot] if column < size else exact[column - size]
            if whole[row] == (self._whole[slot] if column < size else whole[column - size]):
                kinds[row] = REPEAT
                continue
            alike = self._remembered(*known[row])
            if alike is None:
                kinds[row] = REPEAT
                continue
            places = np.flatnonzero(exact[row] != same)
            if alike or not len(places):
                kinds[row] = self._alike(slot, len(found))
            else:
                apart = int(np.abs(ranks[row][places].astype(np.int16) - there[places]).max())
                kinds[row] = self._counted(found > 0, slot, places.tolist(), apart)
            self._flips += labels[row] != self._labels[slot]
        self._seen = [a + b for a, b in zip(self._seen, np.bincount(kinds, minlength=4).tolist(), strict=True)]
        slots = np.flatnonzero(owners >= size)
        self._whole[slots] = whole[owners[slots] - size]
        self._ranks[:, slots], self._exact[:, slots] = ranks[owners[slots] - size].T, exact[owners[slots] - size].T

    def _remembered(self, at: int, word: int) -> bool | None:
        """Keep the hash of a row that was near. None: it is there; True: a row with the same compared fields was."""
        shared = self._known[at : at + SHARED]
        if word in shared:
            return None
        alike = next((place for place, one in enumerate(shared) if not (one ^ word) & _HIGH), None)
        shared.pop(SHARED - 1 if alike is None else alike)
        shared.insert(0, word)
        self._known[at : at + SHARED] = shared
        return alike is not None

    def _alike(self, slot: int, held: int) -> int:
        """A row with the compared fields of one before is another record."""
        self._unseen[slot] = (self._unseen[slot] + 1) % UNSEEN
        if self._edited_adds and not self._unseen[slot]:
            self._add(np.arange(held) == slot, self._edited_adds)
        return EDIT

    def _counted(self, near: Flags, slot: int, places: list[int], apart: int) -> int:
        """The kind of a row that is near the anchor in `slot` and differs in `places`, by `apart` ranks at most."""
        if len(places) > self._few:
            self._add(near, PROBED)
            return PROBE
        before, bits = self._edited[slot], sum(1 << place for place in places)
        again = bool(before) and not bits & ~self._last[slot]
        self._edited[slot], self._last[slot] = before | bits, bits
        visible = apart >= SMALL
        if not self._natural and ((bits & ~before and before.bit_count() >= OWN) or not (visible or again)):
            self._add(near, PROBED)
        elif self._edited_adds:
            near[:] = False
            near[slot] = True
            self._add(near, self._edited_adds)
        return EDIT if visible else PROBE

    def _add(self, near: Flags, added: int) -> None:
        counts = self._counts[: len(near)]
        counts[near] += added
        self.added += 1
        count = int(counts[near].max())
        self._densest = max(self._densest, count)
        if count >= BAR and not self.raised:
            crowd = int(np.count_nonzero(counts[~near] >= BAR // 2))
            self.raised = count >= BAR * min(1 + crowd / CROWD, MOST_TIMES)

    def _freed(self, label: int) -> int:
        """The place of an anchor for a new row."""
        if self._held < self._size:
            slot = self._held
            self._held += 1
        else:
            counts, slot = self._counts, self._hand
            while counts[slot] > 0:
                counts[slot] -= 1
                slot = (slot + 1) % self._size
            self._hand = (slot + 1) % self._size
        self._counts[slot], self._labels[slot] = 0, label
        self._unseen[slot] = 0
        self._edited[slot] = self._last[slot] = 0
        return slot
