"""How many different values: an HLL sketch of Apache DataSketches, fed from whole columns.

The library takes one value per call of Python, 150 ns each. Nearly every value leaves the sketch as it is, and which
ones do shows in its hash: that is computed here for whole columns (MurmurHash3 x64 128, seed 9001, as the library
does it), and only the few values that raise a register are given to the library. The sketch is the same.

Its bytes depend on the set of values alone, not on their order, repetition or on what was merged when. They can be
read by DataSketches in any language. The hash is public: whoever chooses the values can choose a wrong estimate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from datasketches import HLL_6, hll_sketch, hll_union

LG_REGISTERS = 12
ERROR = 2 * 1.04 / 2 ** (LG_REGISTERS / 2)
"""Relative error of an estimate, two standard deviations."""

_REGISTERS = 1 << LG_REGISTERS
_CHUNK, _TEXTS = 1 << 16, 1 << 14  # what stays in the caches
_ALWAYS = 52  # hashes with more leading zeros than this are told apart by the library

Words = npt.NDArray[np.uint64]

_C1, _C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
_SEED = np.uint64(9001)


class Distinct:
    """The sketch of one column. Values of different types are different columns: the library hashes their bytes."""

    def __init__(self) -> None:
        self._sketch = _empty()
        self._seen = np.zeros(_REGISTERS, dtype=np.uint8)  # a lower bound of what each register holds

    def add_numbers(self, numbers: npt.NDArray[Any]) -> None:
        """Take int64 or float64 values; -0.0 and NaN must be gone."""
        for begin in range(0, len(numbers), _CHUNK):
            part = numbers[begin : begin + _CHUNK]
            for at in self._raising(*_hashed_numbers(part.view(np.uint64))):
                self._sketch.update(part[at].item())

    def add_texts(self, texts: pa.StringArray) -> Words:
        """Take short texts without nulls. Returns a hash of each, equal where texts are, and now and then elsewhere."""
        hashes = np.empty(len(texts), dtype=np.uint64)
        for begin in range(0, len(texts), _TEXTS):
            part = texts.slice(begin, _TEXTS)
            first, second = hashed_texts(part)
            for at in self._raising(first, second):
                self._sketch.update(part[at].as_py())
            hashes[begin : begin + len(part)] = first
        return hashes

    def merge(self, other: Distinct) -> None:
        """Take all that the other has seen."""
        self._sketch = _canonical(self._sketch, other._sketch)
        self._seen = np.maximum(self._seen, other._seen)

    def estimate(self) -> int:
        """The number of different values, within `ERROR` of it in 95 of 100 columns."""
        return round(float(_canonical(self._sketch).get_estimate()))

    def to_bytes(self) -> bytes:
        """The sketch as DataSketches writes it."""
        return bytes(_canonical(self._sketch).serialize_compact())

    @staticmethod
    def from_bytes(data: bytes) -> Distinct:
        """Read `to_bytes`. Raises ValueError on anything else that the library notices."""
        found = Distinct()
        try:
            sketch = hll_sketch.deserialize(data)
        except (RuntimeError, IndexError, MemoryError) as error:
            raise ValueError(f"not an HLL sketch: {error}") from None
        if sketch.lg_config_k != LG_REGISTERS:
            raise ValueError("an HLL sketch of another size")
        found._sketch = _canonical(sketch)
        return found

    def _raising(self, first: Words, second: Words) -> list[int]:
        """Indexes of values that raise a register, at most one for each: the one that raises it highest."""
        # A hash that raises any register has more leading zeros than the lowest of them says: few have, after a while.
        lowest = np.uint64(int(self._seen.min()))
        maybe = np.flatnonzero(second >> (np.uint64(64) - lowest) == 0) if lowest else np.arange(len(second))
        first, second = first[maybe], second[maybe]
        slots = (first & np.uint64(_REGISTERS - 1)).astype(np.int64)
        # Exact below 2**53: the exponent of a double is the place of the highest bit.
        heights = 1075 - ((second >> np.uint64(12)).astype(np.float64).view(np.int64) >> 52)
        raising = np.flatnonzero(heights > self._seen[slots])
        if not len(raising):
            return []
        raising = raising[np.argsort(-heights[raising], kind="stable")]
        _, once = np.unique(slots[raising], return_index=True)
        chosen = raising[np.sort(once)]
        self._seen[slots[chosen]] = np.minimum(heights[chosen], _ALWAYS)
        return [int(at) for at in maybe[chosen]]


def hashed_texts(texts: pa.StringArray) -> tuple[Words, Words]:
    """MurmurHash3 of the UTF-8 bytes of each text. Takes as many steps as the longest text has blocks of 16 bytes."""
    if not len(texts):
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64)
    _, ends, data = texts.buffers()
    offsets = _read(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    offsets, base = offsets - offsets[0], int(offsets[0])
    content = np.zeros(int(offsets[-1]) + 16, dtype=np.uint8)  # so that eight bytes begin at each, and eight beyond
    content[:-16] = _read(data, np.uint8)[base : base + int(offsets[-1])]
    every = np.lib.stride_tricks.as_strided(content[:8].view(np.uint64), (len(content) - 7,), (1,), writeable=False)
    return _murmur(every, offsets[:-1], np.diff(offsets))


def _read(buffer: Any, kind: type[Any]) -> npt.NDArray[Any]:
    return np.frombuffer(buffer or b"", dtype=kind)


def _empty() -> hll_sketch:
    return hll_sketch(LG_REGISTERS, HLL_6, True)  # registers from the start, no list of first values


def _canonical(*sketches: hll_sketch) -> hll_sketch:
    """One sketch of the registers alone.

    A sketch that was fed also keeps an estimate that depends on the order, and a union takes over that of its first
    sketch. What is united twice has none left.
    """
    union = hll_union(LG_REGISTERS)
    for sketch in (*sketches, *sketches):
        union.update(sketch)
    return union.get_result(HLL_6)


def _hashed_numbers(words: Words) -> tuple[Words, Words]:
    first = _mixed_first(words)
    first ^= _SEED
    return _finished(first, np.full(1, _SEED), np.full(1, 8, dtype=np.uint64))


def _murmur(every: Words, begins: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> tuple[Words, Words]:
    """`every` has the eight bytes that begin at each byte; text i is `sizes[i]` bytes from `begins[i]`."""
    lengths = sizes.astype(np.uint64)
    first, second = np.full(len(sizes), _SEED), np.full(len(sizes), _SEED)
    least = int(sizes.min())
    for block in range(0, int(sizes.max()) // 16 * 16, 16):
        active: Any = slice(None) if least >= block + 16 else np.flatnonzero(sizes >= block + 16)
        at = begins[active] + block
        one, two = first[active], second[active]
        one ^= _mixed_first(every[at])
        one = (_rotated(one, 27) + two) * np.uint64(5) + np.uint64(0x52DCE729)
        two ^= _mixed_second(every[at + 8])
        two = (_rotated(two, 31) + one) * np.uint64(5) + np.uint64(0x38495AB5)
        first[active], second[active] = one, two
    rest, at = sizes % 16, begins + sizes // 16 * 16
    second ^= _mixed_second(every[np.minimum(at + 8, len(every) - 1)] & _mask(rest - 8))
    first ^= _mixed_first(every[at] & _mask(rest))
    return _finished(first, second, lengths)


def _mask(sizes: npt.NDArray[np.int64]) -> Words:
    """The low `sizes` bytes of a word; none of them below one, all above eight."""
    kept = np.clip(sizes, 0, 8).astype(np.uint64) * np.uint64(8)
    full = np.uint64(0xFFFFFFFFFFFFFFFF)
    # A shift by 64 is undefined: shift in two halves.
    return ~((full << (kept >> np.uint64(1))) << (kept - (kept >> np.uint64(1))))


def _mixed_first(words: Words) -> Words:
    words = words * _C1
    words = _rotated(words, 31)
    words *= _C2
    return words


def _mixed_second(words: Words) -> Words:
    words = words * _C2
    words = _rotated(words, 33)
    words *= _C1
    return words


def _rotated(words: Words, bits: int) -> Words:
    high = words << np.uint64(bits)
    high |= words >> np.uint64(64 - bits)
    return high


def _finished(first: Words, second: Words, lengths: Words) -> tuple[Words, Words]:
    second = second ^ lengths
    first = first ^ lengths
    first += second
    second = second + first
    _avalanche(first)
    _avalanche(second)
    first += second
    second += first
    return first, second


def _avalanche(words: Words) -> None:
    for factor in (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)):
        words ^= words >> np.uint64(33)
        words *= factor
    words ^= words >> np.uint64(33)
