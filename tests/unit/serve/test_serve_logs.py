"""What is logged: whose word it is, and that exceptions say nothing of what they hold."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from lockgate.serve import logs

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
CANARY = "canary-4711"
LEAKS = {
    "an exception that is logged": "try: raise ValueError(canary)\nexcept ValueError: log.exception('failed')",
    "one that a request ended in": "log.error('LG616: a request ended', exc_info=ValueError(canary))",
    "one that nobody caught": "raise ValueError(canary)",
    "one with a cause": "try: raise KeyError(canary)\nexcept KeyError as error: raise ValueError(canary) from error",
    "one in a thread": "import threading\ndef fall(value): raise ValueError(value)\n"
    "t = threading.Thread(target=fall, args=(canary,)); t.start(); t.join()",
    "one in a destructor": "class Held:\n  def __del__(self): raise ValueError(canary)\nheld = Held(); del held",
    "one of a callback, with its arguments": "import asyncio\ndef fall(value): raise ValueError(value)\n"
    "async def main():\n  asyncio.get_running_loop().call_soon(fall, canary); await asyncio.sleep(0.01)\n"
    "asyncio.run(main())",
    "the same in uvloop": "import uvloop, asyncio\ndef fall(value): raise ValueError(value)\n"
    "async def main():\n  asyncio.get_running_loop().call_soon(fall, canary); await asyncio.sleep(0.01)\n"
    "uvloop.run(main())",
    "a task that nobody asked": "import asyncio, gc\nasync def fall(value): raise ValueError(value)\n"
    "async def main():\n  asyncio.create_task(fall(canary)); await asyncio.sleep(0.01); gc.collect()\n"
    "asyncio.run(main())",
    "another library's words": "logging.getLogger('other').warning('got %s', canary)",
    "a log line that cannot be formatted": "log.error('%d rows', canary)",
}


def child(code: str, *, setup: bool) -> str:
    """What a process writes to stderr that has a canary and falls over it."""
    lines = ["import logging, sys", "from lockgate.serve import logs"]
    lines += ["logs.setup('gateway')"] if setup else ["logging.basicConfig()"]
    lines += ["log = logging.getLogger('lockgate.serve.gate')", "canary = '-'.join(['canary', '4711'])", code]
    return subprocess.run(
        [sys.executable, "-I", "-c", "\n".join(lines)], capture_output=True, text=True, check=False
    ).stderr


@pytest.mark.parametrize("code", LEAKS.values(), ids=LEAKS)
def test_no_exception_says_what_it_holds(code: str) -> None:
    """Wherever an exception with a value in it ends up, type and place are said, and the value is not."""
    said = child(code, setup=True)
    assert (CANARY in said, said.startswith("gateway: ")) == (False, True), said


def test_without_the_setup_it_does() -> None:
    """The control: Python's own ways would print it, in each of these cases."""
    leaking = [name for name, code in LEAKS.items() if CANARY in child(code, setup=False)]
    assert leaking == list(LEAKS)


def test_type_and_place_are_said() -> None:
    """Enough to find the fault: type, function, file and line, inmost first."""
    code = "def inner(): raise ValueError(canary)\ntry: inner()\nexcept ValueError: log.exception('a fault')"
    said = child(code, setup=True)
    assert said == "gateway: a fault (ValueError at inner, <string>:6; <module>, <string>:7)\n"


def test_our_own_words_are_said() -> None:
    """What Lockgate's code logs on purpose arrives, in one line, steering nothing."""
    assert child("log.warning('%s stays', 'a\\nb\\x1b[2J')", setup=True) == "gateway: a\\nb\\x1b[2J stays\n"


@pytest.mark.parametrize(
    ("line", "process", "message", "finding"),
    [
        (
            "gateway | gateway: LG622 malformed; they stay",
            "gateway",
            "LG622 malformed; they stay",
            "LG622",
        ),
        ("gateway-2 | gateway: slow", "gateway-2", "slow", None),
        ("model | oops", "model", "oops", None),
        ("sealer: LG633 spool x", "sealer", "LG633 spool x", "LG633"),
        ("gateway ended with code 1; it was started again", "gateway", "ended with code 1; it was started again", None),
        ("contract worker broken off: late", "contract", "broken off: late", None),
        ("mirror: /srv/x", "supervisor", "mirror: /srv/x", None),
        ("no workers for sha256:ab: LG627 other", "supervisor", "no workers for sha256:ab: LG627 other", "LG627"),
    ],
)
def test_each_line_becomes_one_object(line: str, process: str, message: str, finding: str | None) -> None:
    """Process, message, finding and time, in the supervisor's words."""
    assert json.loads(logs.as_json(line, NOW)) == {
        "finding": finding,
        "message": message,
        "process": process,
        "time": "2026-01-02T03:04:05.678000Z",
    }


def test_a_child_does_not_choose_the_fields() -> None:
    """JSON in a jailed process's own line is a message, and its name is the supervisor's word."""
    found = json.loads(
        logs.as_json('model | {"process": "supervisor", "finding": null, "message": "all is well"}', NOW)
    )
    assert (found["process"], found["message"][:11]) == ("model", '{"process":')


def test_a_line_that_would_steer_a_terminal_stays_json() -> None:
    """What is not printable is escaped as JSON does it, so that a reader gets the same text."""
    line = "model | \u202e\U000e0001\u2028"
    text = logs.as_json(line, NOW)
    assert text.isprintable()
    assert json.loads(text)["message"] == "\u202e\U000e0001\u2028"


def test_text_is_said_as_it_is() -> None:
    """Without --log json the lines are what they were."""
    said: list[str] = []
    logs.sayer("text", said.append)("gateway | x")
    logs.sayer("json", said.append, lambda: NOW)("gateway | x")
    assert said[0] == "gateway | x"
    assert json.loads(said[1])["process"] == "gateway"
