"""Lists of numbers among the fields of accepted rows, as embeddings: side by side, and no wider than can be looked at.

One row of another form, which anybody can write, must not take a field out of the screen: what a list should look like,
most rows of a sample say, which is drawn; other rows lie in the middle there, and are counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from lockgate.contract.findings import clean

Floats = npt.NDArray[np.float64]
Texts = Iterator[str | None]

MOST_NUMBERS = 1_024
"""Of each row, over all fields; longer ones are projected onto fewer directions, which are drawn."""

LONGEST = 16_384
_SAMPLE = 2_000
_BATCH = 1_000
_LONGEST_NUMBER = 40
_FAR = 1e15
"""Of larger numbers the square, and so a distance, is no float32."""


@dataclass(frozen=True)
class Vectors:
    """`values`: shape (n, d), None where no field holds lists of numbers. `odd`: of a field, how many rows are none.

    `narrowed`: fields that were projected; `unlike`: fields whose lists have no common length, or are too long.
    """

    values: npt.NDArray[np.float32] | None
    odd: tuple[str, ...] = ()
    narrowed: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What of them nobody sees."""
        return "; ".join([*self.odd, *(f"the lists of {name} have no common length" for name in self.unlike)])

    @property
    def width(self) -> str:
        """What is seen in another form."""
        return "; ".join(self.narrowed)


@dataclass(frozen=True)
class _Form:
    """How the lists of most rows look: how many numbers, and the middle of each place."""

    name: str
    middle: Floats


def vectors(
    fields: Mapping[str, Callable[[], Texts]], rows: int, most: int, draw: Callable[[str], np.random.Generator]
) -> Vectors:
    """The lists of `fields`, each given anew as the JSON of its `rows` rows; together `most` numbers for a row."""
    forms, unlike = [], []
    for name, texts in fields.items():
        chosen = np.sort(draw("lists").choice(rows, min(rows, _SAMPLE), replace=False))
        lists = [_numbers(text) for text in _at(texts(), chosen)]
        width, number = Counter(len(one) for one in lists).most_common(1)[0]
        listed = sum(len(one) > 0 for one in lists)
        if width and 2 * number > len(lists):
            with np.errstate(invalid="ignore"):
                whole = np.array([one for one in lists if len(one) == width])
                whole[:, np.isnan(whole).all(axis=0)] = 0
                forms.append(_Form(name, np.nanmedian(whole, axis=0)))
        elif 2 * listed > len(lists):
            unlike.append(clean(name, 100))
    whole_width = sum(len(form.middle) for form in forms)
    parts, odd, narrowed = [], [], []
    for form in forms:
        width = len(form.middle)
        target = width if whole_width <= most else max(1, most * width // whole_width)
        values, strange = _laid(form, fields[form.name](), rows, _directions(width, target, draw))
        parts.append(values)
        name = clean(form.name, 100)
        odd += [f"in {name} {strange:,} of {rows:,} rows have no {width:,} numbers"] if strange else []
        narrowed += [f"{name}: {width:,} numbers as {target:,}"] if target < width else []
    return Vectors(np.hstack(parts) if parts else None, tuple(odd), tuple(narrowed), tuple(unlike))


def _at(texts: Texts, places: npt.NDArray[np.int64]) -> Iterator[str | None]:
    wanted = {*places.tolist()}
    return (text for place, text in enumerate(texts) if place in wanted)


def _directions(width: int, target: int, draw: Callable[[str], np.random.Generator]) -> Floats | None:
    if target == width:
        return None
    found: Floats = draw("directions").standard_normal((width, target)) / np.sqrt(target)
    return found


def _laid(form: _Form, texts: Texts, rows: int, directions: Floats | None) -> tuple[npt.NDArray[np.float32], int]:
    width = len(form.middle)
    laid = np.zeros((rows, width if directions is None else directions.shape[1]), np.float32)
    odd = begin = 0
    while batch := [_numbers(text) for text in islice(texts, _BATCH)]:
        whole = np.full((len(batch), width), np.nan)
        for place, one in enumerate(batch):
            if len(one) == width:
                whole[place] = one
        missing = np.isnan(whole)
        odd += int(missing.any(axis=1).sum())
        whole = np.where(missing, form.middle, whole)
        laid[begin : begin + len(batch)] = whole if directions is None else whole @ directions
        begin += len(batch)
    return laid, odd


def _numbers(text: str | None) -> Floats:
    """The numbers of a JSON list, NaN for one that is too large; none where it is something else, or too long."""
    none = np.zeros(0)
    if text is None or not text.startswith("[") or len(text) > _LONGEST_NUMBER * LONGEST:
        return none
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return none
    if not isinstance(value, list) or len(value) > LONGEST or not {*map(type, value)} <= {int, float}:
        return none
    try:
        found = np.array(value, np.float64)
    except OverflowError:
        found = np.array([float(each) if abs(each) < _FAR else np.nan for each in value])
    return np.where(np.abs(found) < _FAR, found, np.nan)
