r"""Text made into counts of words. Runs in the jail.

A word is a run of letters, digits and underscores, as Python's `\w` has it; the tokenizer's own `\w` knows ASCII
only, and would cut "Straße" in two without a word. Lower case needs a locale: C.UTF-8 is in every Linux; the standard's
default, en_US, is on few servers, and the model would not load.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lockgate.train.jail.exporters.graph import DOUBLE, FLOAT, Table, matrix
from lockgate.train.jail.exporters.scikit_numbers import normalised
from lockgate.train.jail.exporters.steps import TRANSFORMS, Steps, writes

LOCALE = "C.UTF-8"
WORD = r"[\p{L}\p{N}_]"
_PATTERNS = {
    r"(?u)\b\w\w+\b": f"{WORD}{{2,}}",
    r"\b\w\w+\b": f"{WORD}{{2,}}",
    r"(?u)\b\w+\b": f"{WORD}+",
    r"\b\w+\b": f"{WORD}+",
    r"(?u)\w+": f"{WORD}+",
    r"\w+": f"{WORD}+",
    r"\S+": r"[^\s\x0b\x1c-\x1f\x85\xa0]+",
}
_UNSET = "\ue000"


@writes(TRANSFORMS, "CountVectorizer", "TfidfVectorizer")
def _vectorizer(steps: Steps, step: Any, table: Table) -> Table:
    if len(table.blocks) != 1 or table.width != 1 or not table.blocks[0].text:
        raise steps.refuse(
            step,
            "it takes one column of text, by its name",
            '("words", TfidfVectorizer(), "field") in a ColumnTransformer',
        )
    graph = steps.graph
    words = _words(steps, step, table.blocks[0].tensor)
    found = graph.cast(_counts(steps, step, words), DOUBLE)
    if step.binary:
        found = graph.cast(graph.op("Greater", found, 0.0), DOUBLE)
    counted = matrix(found, len(step.vocabulary_))
    return _weighted(steps, step._tfidf, counted) if type(step).__name__ == "TfidfVectorizer" else counted  # noqa: SLF001


@writes(TRANSFORMS, "TfidfTransformer")
def _weighted(steps: Steps, step: Any, table: Table) -> Table:
    graph, value = steps.graph, steps.numbers(step, table)
    if step.sublinear_tf:
        there = graph.op("Greater", value, 0.0)
        value = graph.op("Where", there, graph.op("Add", graph.op("Log", graph.op("Max", value, 1.0)), 1.0), 0.0)
    if step.use_idf:
        value = graph.op("Mul", value, np.asarray(step.idf_, np.float64))
    return matrix(normalised(graph, value, step.norm) if step.norm else value, table.width)


def _words(steps: Steps, step: Any, text: str) -> str:
    """(n, most words), filled up with what is no word."""
    pattern = _PATTERNS.get(step.token_pattern or "")
    if step.analyzer != "word":
        raise steps.refuse(step, f"analyzer={step.analyzer!r} does not convert exactly", "analyzer='word'")
    if step.tokenizer or step.preprocessor or step.strip_accents:
        raise steps.refuse(
            step,
            "tokenizer, preprocessor and strip_accents do not convert",
            "leave them out, or clean the text in features.py",
        )
    if pattern is None:
        raise steps.refuse(
            step, f"token_pattern={step.token_pattern!r} does not convert exactly", r"token_pattern=r'(?u)\b\w+\b'"
        )
    graph = steps.graph
    flat = graph.op("Reshape", text, [-1])
    if step.lowercase:
        flat = graph.op("StringNormalizer", flat, case_change_action="LOWER", is_case_sensitive=0, locale=LOCALE)
    return graph.op("Tokenizer", flat, domain="com.microsoft", mark=0, mincharnum=1, pad_value=_UNSET, tokenexp=pattern)


def _counts(steps: Steps, step: Any, words: str) -> str:
    """How often each entry of the vocabulary is there. Words first become numbers, stop words are taken out."""
    low, high = step.ngram_range
    stop = step.get_stop_words() or frozenset()
    if high > 1 and stop:
        raise steps.refuse(
            step, "stop words between the words of an n-gram do not convert", "leave stop_words or ngram_range out"
        )
    pools: list[list[str]] = [[] for _ in range(high)]
    order: list[list[int]] = [[] for _ in range(high)]
    for entry, place in sorted(step.vocabulary_.items(), key=lambda item: item[1]):
        grams = entry.split(" ")
        if not low <= len(grams) <= high:
            raise steps.refuse(
                step, f"the vocabulary's {entry[:40]!r} has another length", "let it learn its vocabulary"
            )
        pools[len(grams) - 1] += grams
        order[len(grams) - 1].append(int(place))
    begins = np.cumsum([0, *map(len, pools)])[:-1].tolist()
    found = steps.graph.op(
        "TfIdfVectorizer",
        words,
        min_gram_length=low,
        max_gram_length=high,
        max_skip_count=0,
        mode="TF",
        ngram_counts=begins,
        ngram_indexes=[place for each in order for place in each],
        pool_strings=[gram.encode() for pool in pools for gram in pool],
    )
    return steps.graph.cast(found, FLOAT)
