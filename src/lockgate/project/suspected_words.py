"""What a gateway's suspicion of a client means, in words: one place for the command line, pages and the log. Pure.

A rule or a count that is not known here, because a later version made it, is shown by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rule:
    """`sentence`: what was seen; `looks_like`: which attack; `false_alarm`: which honest client; `do`: what helps."""

    sentence: str
    looks_like: str
    false_alarm: str
    do: str


RULES: Final[Mapping[str, Rule]] = {
    "near": Rule(
        "many rows lie close around few places, as in a search for the smallest change that flips an answer",
        "evasion: an attack that only sees answers asks hundreds of nearly equal rows to find one that passes",
        "somebody who asks what-if questions of the same cases: one field changed at a time",
        "ask the client what it does; of what-if questions say lockgate clients declare NAME --edits, then clear it",
    ),
    "novel": Rule(
        "far more rows are unlike the population than an honest client's would be",
        "extraction: made-up rows are labelled by the model, to train a copy of it. Evasion begins with odd rows "
        "too, and while its steps are wide they are all that is seen of it",
        "a client with a segment of its own, a new product, or data that drifted (lockgate monitor)",
        "ask the client where its rows come from, and whether they are of one case or of many; a change that is real "
        "needs a model trained on such rows",
    ),
    "shared": Rule(
        "several clients ask around the same places, as if one hand had split its search among them",
        "evasion or extraction over several keys, each of which stays below every bar of its own",
        "two programs of one customer that score the same rows, such as its test and its production",
        "ask whose they are; of one customer say lockgate clients declare NAME --organisation ORG, then clear it",
    ),
    "leak-day": Rule(
        "what the answers of this day gave away of the model is past the cap of a day",
        "extraction by rows as honest clients send them: nothing but a cap bounds it",
        "a busy honest client: such rows look the same from both, and this rule cannot tell them apart",
        "raise leak_day in the policy, give less with each answer, or wait: a day ends at midnight UTC",
    ),
    "leak-life": Rule(
        "what all answers to this client gave away of the model is past the cap of a lifetime",
        "extraction by rows as honest clients send them, slowly: nothing but a cap bounds it",
        "a busy honest client: such rows look the same from both, and this rule cannot tell them apart",
        "raise leak_life in the policy, give less with each answer, or add your own programs with --kind internal",
    ),
}

FINDINGS: Final[Mapping[str, str]] = {
    "near": "LG6101",
    "novel": "LG6102",
    "shared": "LG6103",
    "leak-day": "LG6104",
    "leak-life": "LG6104",
}
"""What a gateway tells a rule under (`serve.abuse.suspects`)."""
CLEARED: Final = "LG6108"

LEVELS: Final[Mapping[int, str]] = {
    0: "cleared",
    1: "observed: every answer stayed as it was",
    2: "answers were made coarser or slower, silently",
    3: "refused with 429",
}
SHORT_LEVELS: Final[Mapping[int, str]] = {0: "cleared", 1: "observed", 2: "coarser or slower", 3: "429"}

BEFORE: Final = "before"
"""The count that says from which level a step went on, or back."""
FURTHER: Final = "further"
"""The count of a record that is no step: so many more rows of the kind since the record before."""

SCOPES: Final[Mapping[str, str]] = {
    "client": "by what this client asked",
    "organisation": "by what the clients of its organisation asked together",
    "address": "by what came from its network address",
    "cluster": "by what several clients asked together",
}

_COUNTS: Final[Mapping[str, tuple[str, str]]] = {
    "new": ("row not seen before", "rows not seen before"),
    "probes": ("row within an edit of one before it", "rows within an edit of one before them"),
    "boundary": ("row where two answers meet", "rows where two answers meet"),
    "edits": ("change of one field", "changes of one field"),
    "repeats": ("exact repeat (counts for nothing)", "exact repeats (count for nothing)"),
    "densest": ("row around the place most visited", "rows around the place most visited"),
    "flips": ("flip of the answer between such rows", "flips of the answer between such rows"),
    "odd": ("as odd as 1 in 100 of the population", "as odd as 1 in 100 of the population"),
    "far": ("as odd as 3 in 10,000 of it", "as odd as 3 in 10,000 of it"),
    "clients": ("client together", "clients together"),
    "places": ("place", "places"),
    "bits": ("bit given away", "bits given away"),
    "cap": ("bit allowed", "bits allowed"),
    "days": ("day", "days"),
    "rows": ("row in all", "rows in all"),
}


def rule_in_words(rule: str) -> str:
    """The sentence of a rule."""
    known = RULES.get(rule)
    return known.sentence if known else f"the rule {rule}, which this version does not know"


def level_in_words(level: int) -> str:
    """What was done."""
    return LEVELS.get(level, f"level {level}, which this version does not know")


def counts_in_words(counts: Mapping[str, int]) -> str:
    """The evidence, one number after the other: those that are known here first, in a fixed order."""
    return ", ".join(_counted(counts)) or "no count"


def _counted(counts: Mapping[str, int]) -> Iterator[str]:
    if FURTHER in counts:
        yield f"{counts[FURTHER]:,} more of the kind since the record before"
    if BEFORE in counts:
        yield f"a step on from: {SHORT_LEVELS.get(counts[BEFORE], counts[BEFORE])}"
    for name, (one, several) in _COUNTS.items():
        if name in counts:
            yield f"{counts[name]:,} {one if counts[name] == 1 else several}"
    for name in sorted(counts.keys() - _COUNTS - {BEFORE, FURTHER}):
        yield f"{name} {counts[name]:,}"
