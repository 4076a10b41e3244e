"""How often each rule refused a row, with a first message and the first few rows. In memory that does not grow.

The words come from the contract's jail, and are not trusted: a hostile contract can invent a field or a rule for each
row. The first `MOST_KEYS` pairs of field and rule are counted exactly, whatever comes after them in one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from lockgate.contract.findings import clean
from lockgate.contract.jail.rows import DIGEST, WITHHELD

pc: Any = pyarrow.compute  # its stubs do not know that a function of an array gives an array

MOST_KEYS = 10_000
EXAMPLES = 3
_FIELD, _RULE = 200, 100
_MESSAGE = 1_000


@dataclass
class _Rule:
    """What is kept of one field and rule."""

    message: str
    count: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)


@dataclass
class Tally:
    """Counts of reasons. `folded` is the number of reasons whose field and rule came after `most_keys` others."""

    most_keys: int = MOST_KEYS
    reasons: int = 0
    folded: int = 0
    _rules: dict[tuple[str, str], _Rule] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take one batch of the quarantine: columns source, row, field, rule, message, in the order of the file."""
        if not batch.num_rows:
            return
        source, row, fields, rules, messages = batch.columns
        (places, field_words), (kinds, rule_words) = _coded(fields, _FIELD), _coded(rules, _RULE)
        codes = places * np.int64(len(rule_words)) + kinds
        order = np.argsort(codes, kind="stable")
        begins = np.flatnonzero(np.diff(codes[order], prepend=-1))
        counts = np.diff(begins, append=len(order))
        self.reasons += batch.num_rows
        # Keys are met in the order of their first rows, so that which ones are kept does not depend on their spelling.
        for group in np.argsort(order[begins], kind="stable").tolist():
            begin, count = int(begins[group]), int(counts[group])
            first = int(order[begin])
            rule = self._rule((field_words[places[first]], rule_words[kinds[first]]), messages, first)
            if rule is None:
                self.folded += count
                continue
            rule.count += count
            for at in order[begin : begin + min(count, EXAMPLES - len(rule.rows))].tolist():
                rule.rows.append({"source": source[at].as_py(), "row": row[at].as_py()})

    def as_json(self) -> list[dict[str, object]]:
        """One entry per field and rule, commonest first; `message` is that of the first row, `rows` the first few."""
        return [
            {"count": rule.count, "field": place, "rule": kind, "message": rule.message, "rows": rule.rows}
            for (place, kind), rule in sorted(self._rules.items(), key=lambda entry: (-entry[1].count, entry[0]))
        ]

    def _rule(self, key: tuple[str, str], messages: pa.Array[Any], first: int) -> _Rule | None:
        found = self._rules.get(key)
        if found is None and len(self._rules) < self.most_keys:
            (message,) = pc.utf8_slice_codeunits(messages[first : first + 1], 0, _MESSAGE).to_pylist()
            found = self._rules[key] = _Rule(_example(message or ""))
        return found


def _coded(words: pa.Array[Any], limit: int) -> tuple[Any, Sequence[str]]:
    """A number per row, and the cleaned word of each number. Numbers, not words, are compared row by row."""
    coded = pc.dictionary_encode(words, null_encoding="encode")
    cut = pc.utf8_slice_codeunits(coded.dictionary, 0, limit + 1).to_pylist()
    cleaned = [_word(word or "", limit) for word in cut]
    numbers = {word: number for number, word in enumerate(dict.fromkeys(cleaned))}
    renumbered = np.array([numbers[word] for word in cleaned], dtype=np.int64)
    return renumbered[coded.indices.to_numpy()], list(numbers)


def _word(word: str, limit: int) -> str:
    """`clean`, which is slow, where there is something to clean."""
    return word if len(word) <= limit and word.isprintable() else clean(word, limit)


def _example(message: str) -> str:
    """A message for the report, which more people see than the quarantine: no digest of a single value."""
    return WITHHELD if message.startswith(DIGEST) else clean(message)
