"""screen.json: what came of the rules, as the jail writes it and the host reads it. Pure, and without numpy.

    {"v": 1, "rows", "looked", "task", "rules": {rule: "ran" | "off" | "absent"}, "absent": {rule: why},
     "notes": {rule: what it left out},
     "findings": [{"rule", "rows", "good", "what", "seen", "sources": [[name, rows]], "examples": [[file, row]]}],
     "more", "settled", "flagged", "doubtful", "good"}

`rows`: the accepted ones; `looked`: how many of them were looked at. Of a finding, `rows` counts its rows, `good` those
that a person marked good. `more`: findings that are left out of the list; `settled`: of which each row was marked good.
`flagged`: rows of any finding that nobody marked good; `doubtful`: the same for the rules DOUBTFUL; `good`: rows marked
good that a finding is about. Two notes are of no rule: of rows that no rule sees whole (ROWS_NOTE), and of lists of
numbers that all see in fewer directions (WIDTH_NOTE).

The jail is Lockgate's own code on hostile rows: no more than the form is trusted, and counts are held against the rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

from lockgate.contract.findings import clean
from lockgate.core.encoding import decode_exact, encode
from lockgate.validate.screen.spec import RULES, RuleName, Task

State = Literal["ran", "off", "absent"]
SCREEN: Final = "screen.json"
ROWS: Final = "screen.parquet"
ROWS_NOTE: Final = "rows"
WIDTH_NOTE: Final = "width"

MOST_FINDINGS: Final = 25
"""Of one rule: what one finds much of must not push what another finds out of the list."""

MOST_NAMED: Final = 10
MOST_WHAT: Final = 400
_NAME = 100
_MOST_SEEN, _DEEPEST_SEEN = 20, 4
_COUNTS = ("more", "settled", "flagged", "doubtful", "good")


@dataclass(frozen=True)
class Finding:
    """One thing that a rule found. `examples`: file by number, row in it; `sources`: names, most rows first."""

    rule: RuleName
    rows: int
    good: int
    what: str
    seen: Any
    sources: tuple[tuple[str, int], ...]
    examples: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Account:
    """screen.json as a value. `task` is "" where the label cannot be learned."""

    rows: int
    looked: int
    task: Task | Literal[""]
    rules: Mapping[RuleName, State]
    absent: Mapping[str, str]
    notes: Mapping[str, str]
    findings: tuple[Finding, ...]
    more: int
    settled: int
    flagged: int
    doubtful: int
    good: int

    def encode(self) -> bytes:
        """The bytes of screen.json."""
        return encode({"v": 1, **asdict(self)})


def read_account(data: bytes, accepted: int, files: Sequence[int], asked: Sequence[str]) -> Account:
    """Read screen.json on `accepted` rows of files with so many rows, by the rules `asked`. Raises ValueError."""
    value = decode_exact(data)
    keys = {"v", "rows", "looked", "task", "rules", "absent", "notes", "findings", *_COUNTS}
    if not isinstance(value, dict) or set(value) != keys or value["v"] != 1:
        raise ValueError("screen.json is not in form")
    looked = _count(value["looked"], accepted)
    if value["rows"] != accepted or value["task"] not in {"", *get_args(Task)}:
        raise ValueError("screen.json is about other rows, or another task")
    rules, absent = _rules(value["rules"], value["absent"], asked)
    notes = _notes(value["notes"], rules)
    listed = value["findings"]
    if not isinstance(listed, list) or len(listed) > MOST_FINDINGS * len(RULES):
        raise ValueError("findings are a list within its limit")
    findings = tuple(_finding(each, looked, files) for each in listed)
    counted = Counter(found.rule for found in findings)
    if any(rules[rule] != "ran" or number > MOST_FINDINGS for rule, number in counted.items()):
        raise ValueError("a rule that did not run found something, or one found too much")
    more, settled = (_count(value[name], looked * len(RULES)) for name in ("more", "settled"))
    flagged, doubtful, good = (_count(value[name], looked) for name in ("flagged", "doubtful", "good"))
    least = max((found.rows - found.good for found in findings), default=0)
    if not least <= flagged or doubtful > flagged or flagged + good > looked:
        raise ValueError("the counts of flagged rows do not add up")
    if flagged and not (findings or more):
        raise ValueError("rows are flagged by nothing")
    task = value["task"]
    return Account(accepted, looked, task, rules, absent, notes, findings, more, settled, flagged, doubtful, good)


def plain(value: Any, depth: int = _DEEPEST_SEEN) -> Any:
    """`value` as small, clean JSON: what a rule saw, for machines. What is no JSON becomes text, infinities null."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else clean(str(value), _NAME)
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping) and depth:
        return {clean(str(key), _NAME): plain(each, depth - 1) for key, each in [*value.items()][:_MOST_SEEN]}
    if isinstance(value, list | tuple) and depth:
        return [plain(each, depth - 1) for each in value[:_MOST_SEEN]]
    return clean(str(value), _NAME)


def _count(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("a count is a whole number of rows that are there")
    return value


def _rules(rules: Any, absent: Any, asked: Sequence[str]) -> tuple[dict[RuleName, State], dict[str, str]]:
    if not isinstance(rules, dict) or set(rules) != set(RULES) or not isinstance(absent, dict):
        raise ValueError("what became of the rules is not in form")
    states: dict[RuleName, State] = {}
    for rule in RULES:
        state = rules[rule]
        if state not in get_args(State) or (state == "off") != (rule not in asked):
            raise ValueError(f"{rule} was asked for and is off, or the reverse")
        states[rule] = state
    if set(absent) != {rule for rule, state in states.items() if state == "absent"}:
        raise ValueError("a rule that could not look says why")
    if not all(isinstance(why, str) and why for why in absent.values()):
        raise ValueError("why a rule could not look is a text")
    return states, {rule: clean(why, MOST_WHAT) for rule, why in absent.items()}


def _notes(notes: Any, rules: Mapping[RuleName, State]) -> dict[str, str]:
    if not isinstance(notes, dict) or not all(isinstance(note, str) and note for note in notes.values()):
        raise ValueError("what a rule left out is a text")
    if not set(notes) <= {ROWS_NOTE, WIDTH_NOTE, *(rule for rule, state in rules.items() if state == "ran")}:
        raise ValueError("a rule that did not run left something out")
    return {rule: clean(note, MOST_WHAT) for rule, note in notes.items()}


def _finding(value: Any, looked: int, files: Sequence[int]) -> Finding:
    keys = {"rule", "rows", "good", "what", "seen", "sources", "examples"}
    if not isinstance(value, dict) or set(value) != keys or value["rule"] not in RULES:
        raise ValueError("a finding of the screen is not in form")
    rows = _count(value["rows"], looked)
    good = _count(value["good"], rows - 1)
    if not isinstance(value["what"], str):
        raise ValueError("what was found is a text")
    sources, examples = value["sources"], value["examples"]
    if not all(isinstance(each, list) and len(each) <= MOST_NAMED for each in (sources, examples)):
        raise ValueError("sources and examples are short lists")
    return Finding(
        value["rule"],
        rows,
        good,
        clean(value["what"], MOST_WHAT),
        plain(value["seen"]),
        tuple(_source(each, rows) for each in sources),
        tuple(_example(each, files) for each in examples),
    )


def _source(value: Any, rows: int) -> tuple[str, int]:
    if not isinstance(value, list) or [*map(type, value)] != [str, int]:
        raise ValueError("a source has a name and a number of rows")
    return clean(value[0], _NAME), _count(value[1], rows)


def _example(value: Any, files: Sequence[int]) -> tuple[int, int]:
    if not isinstance(value, list) or [*map(type, value)] != [int, int]:
        raise ValueError("an example is a file and a row")
    file = _count(value[0], len(files) - 1)
    return file, _count(value[1], files[file] - 1)
