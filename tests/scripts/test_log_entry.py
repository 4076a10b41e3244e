"""`lockgate log show ENTRY`: one statement, whole; refusals name an entry, and this is the command that they tell."""

from __future__ import annotations

import json

from tests.support.shell import Ready


def test_one_entry_is_shown_whole(ready: Ready) -> None:
    """What the statement says is on stdout as JSON, the same under --json, for the very index that the list has."""
    listed = ready.shell.here("log", "show", "--json", at=ready.root).json["entries"]
    wanted = next(one for one in listed if one["claim"] == "judge")

    shown = ready.shell.here("log", "show", str(wanted["index"]), at=ready.root)
    assert shown.code == 0
    assert json.loads(shown.out)["predicate"]["result"] in {"PASSED", "WARNED"}
    assert f"next:  lockgate log prove {wanted['index']}" in shown.err

    value = ready.shell.here("log", "show", str(wanted["index"]), "--json", at=ready.root).json
    assert value["schema"] == "lockgate.log-entry/v1"
    assert value["statement"] == wanted["statement"]
    assert [one["digest"] for one in value["subjects"]] == wanted["subjects"]
    assert value["predicate"] == json.loads(shown.out)["predicate"]


def test_an_entry_that_is_not_there_is_refused(ready: Ready) -> None:
    """Beyond the log, or together with what asks for many: exit 2, with the finding and what to type."""
    beyond = ready.shell.here("log", "show", "99999", at=ready.root)
    assert beyond.code == 2
    assert "LG714" in beyond.err
    both = ready.shell.here("log", "show", "3", "--last", "2", at=ready.root)
    assert both.code == 2
    assert "LG940" in both.err
