"""validate.rules: what a person is told of the plan of what is watched, and what a jail may say of it."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.validate.rules import Watched, monitoring, read_watched

SAID: dict[str, Any] = {"why": "", "rows": 90, "thinned": [["a", 8]], "more": 2, "dependent": ["b"]}


def test_what_is_said_is_read() -> None:
    """Its numbers, and names fit for a terminal."""
    assert read_watched(SAID, 100) == Watched("", 90, (("a", 8),), 2, ("b",))
    assert read_watched({**SAID, "dependent": ["\x1b"]}, 100).dependent == ("?",)


@pytest.mark.parametrize(
    "change",
    [
        *({"why": None}, {"rows": 101}, {"rows": -1}, {"rows": True}, {"more": -1}, {"more": "2"}, {"further": 1}),
        *({"thinned": 1}, {"thinned": {"a": 8}}, {"thinned": [1]}, {"thinned": [["a"]]}, {"thinned": [["a", "8"]]}),
        *({"dependent": "b"}, {"dependent": [7]}),
    ],
    ids=str,
)
def test_what_is_not_in_form_is_refused(change: dict[str, Any]) -> None:
    """The jail looked at anybody's rows: with ValueError, whatever it says."""
    with pytest.raises(ValueError, match=r".+"):
        read_watched({**SAID, **change}, 100)


def test_what_is_not_watched_is_told() -> None:
    """Nothing at all, with the reason; or single streams, and those of which few rows count. All well: no word."""
    assert monitoring(None) == monitoring(Watched("", 90)) == ()
    (none,) = monitoring(Watched("there are 3 accepted rows: 400 are needed", 0))
    assert (none.finding, "3 accepted rows" in none.message) == ("LG228", True)
    (some,) = monitoring(Watched("", 90, (("a", 8), ("c", 2)), 1, ("b",)))
    assert some.finding == "LG230"
    assert "every 8th row of a, every 2nd row of c and 1 more streams; not watched: b" in some.message


def test_a_stride_that_somebody_said_is_no_dependence() -> None:
    """Each stream has it then, whether neighbours depend or not."""
    assert monitoring(Watched("", 90, (("a", 3),)), 3) == ()
