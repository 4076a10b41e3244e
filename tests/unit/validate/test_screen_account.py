"""screen.json: read back as it was written, and refused in every other form. Hostile rows may have taken the jail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lockgate.core.encoding import decode, encode
from lockgate.validate.screen.account import MOST_FINDINGS, Account, Finding, plain, read_account
from lockgate.validate.screen.spec import RULES

FILES = (60, 40)
ASKED = ("conflicts", "labels", "spectral")
STATES: Any = {rule: "ran" if rule in ASKED else "off" for rule in RULES} | {"spectral": "absent"}
FOUND = Finding("labels", 9, 2, "9 rows look odd", {"share": 0.25}, (("a.csv", 9),), ((0, 59), (1, 39)))
ACCOUNT = Account(
    90, 80, "binary", STATES, {"spectral": "too few rows"}, {"labels": "of 9 pairs 3"}, (FOUND,), 0, 1, 7, 7, 2
)


def _read(data: bytes) -> Account:
    return read_account(data, 90, FILES, ASKED)


def test_what_was_written_is_read() -> None:
    """The same value comes back."""
    assert _read(ACCOUNT.encode()) == ACCOUNT


def _changed(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda value: value.update(changes)


def _of_finding(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda value: value["findings"][0].update(changes)


FORGED: dict[str, Callable[[dict[str, Any]], None]] = {
    "another version": _changed(v=2),
    "another field": _changed(extra=1),
    "other rows": _changed(rows=91),
    "looked at more than there are": _changed(looked=91),
    "another task": _changed(task="guessing"),
    "a rule is left out": lambda value: value["rules"].pop("labels"),
    "a rule that was asked for is off": lambda value: value["rules"].update(conflicts="off"),
    "a rule that is off ran": lambda value: value["rules"].update(sources="ran"),
    "a state of its own": lambda value: value["rules"].update(conflicts="fine"),
    "absent without a reason": _changed(absent={}),
    "a reason that is no text": _changed(absent={"spectral": 3}),
    "a reason for a rule that ran": _changed(absent={"spectral": "few", "labels": "few"}),
    "a note of a rule that did not run": _changed(notes={"spectral": "x"}),
    "a note of nobody": _changed(notes={"magic": "x"}),
    "an empty note": _changed(notes={"labels": ""}),
    "notes in a list": _changed(notes=["labels"]),
    "findings by name": _changed(findings={}),
    "too many findings of a rule": lambda value: value.update(findings=value["findings"] * (MOST_FINDINGS + 1)),
    "too many findings": lambda value: value.update(findings=value["findings"] * (MOST_FINDINGS * len(RULES) + 1)),
    "found by a rule that was off": _of_finding(rule="sources"),
    "found by an absent rule": _of_finding(rule="spectral"),
    "found by nobody": _of_finding(rule="magic"),
    "of more rows than were looked at": _of_finding(rows=81),
    "of no row": _of_finding(rows=0, good=0),
    "of no whole row": _of_finding(rows=9.0),
    "of a true row": _of_finding(rows=True),
    "all its rows are good": _of_finding(good=9),
    "a sentence that is none": _of_finding(what=["x"]),
    "a source without a name": _of_finding(sources=[[1, 2]]),
    "a source of more rows than the finding": _of_finding(sources=[["a.csv", 10]]),
    "many examples": _of_finding(examples=[[0, 1]] * 11),
    "an example of no file": _of_finding(examples=[[2, 0]]),
    "an example beyond its file": _of_finding(examples=[[1, 40]]),
    "an example with a name": _of_finding(examples=[["a.csv", 1]]),
    "fewer flagged than one finding has": _changed(flagged=6, doubtful=6),
    "more doubtful than flagged": _changed(doubtful=8),
    "more flagged and good than rows": _changed(flagged=79, good=2),
    "flagged by nothing": _changed(findings=[]),
    "a negative count": _changed(settled=-1),
}


@pytest.mark.parametrize("name", FORGED)
def test_every_other_form_is_refused(name: str) -> None:
    """A count that does not fit, a field that is not ours, a rule that was not asked for."""
    value = decode(ACCOUNT.encode())
    FORGED[name](value)
    with pytest.raises(ValueError, match=r"^[a-z]"):
        _read(encode(value))


def test_another_spelling_is_refused() -> None:
    """One encoding, as everywhere."""
    with pytest.raises(ValueError, match="encoding"):
        _read(ACCOUNT.encode() + b" ")


def test_texts_are_fit_for_a_terminal() -> None:
    """Control characters are gone, and what is too long is cut, in the sentence and in what was seen."""
    value = decode(ACCOUNT.encode())
    value["findings"][0] |= {"what": "\x1b[31m" + "x" * 5000, "seen": {"a\x00": ["\u202e" * 900]}}
    value["absent"]["spectral"], value["notes"] = "\x07why", {"rows": "\x07left" + "x" * 900}
    (found,) = _read(encode(value)).findings
    assert (found.what[:5], len(found.what)) == ("?[31m", 400)
    assert found.seen == {"a?": ["?" * 97 + "..."]}
    assert _read(encode(value)).absent == {"spectral": "?why"}
    assert (_read(encode(value)).notes["rows"][:5], len(_read(encode(value)).notes["rows"])) == ("?left", 400)


def test_what_was_seen_is_small() -> None:
    """Whatever a rule gives becomes JSON of a bounded size: no NaN, no long list, no depth."""
    deep: Any = 1
    for _ in range(9):
        deep = [deep]
    assert plain({"a": float("nan"), "b": 1 / 3, "c": list(range(99)), "d": 2**70}) == {
        "a": None,
        "b": 0.333333,
        "c": list(range(20)),
        "d": "1180591620717411303424",
    }
    assert plain(deep) == [[[["[[[[[1]]]]]"]]]]
