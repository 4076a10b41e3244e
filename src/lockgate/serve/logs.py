"""What serving says of itself: lines on stderr, none of which holds a payload, a key or a client's words.

A process in a jail writes plain lines to its stderr. The supervisor, which trusts none of them, shows each with the
process's name, and under `--log json` makes one JSON object of it:

    {"finding": "LG623" or null, "message": text, "process": "gateway", "time": RFC3339Z}

So the fields are the supervisor's word, and a child that writes JSON has written a message.

Exceptions are where payloads get into logs: their words quote values, and asyncio's own handler prints the arguments
of the call that failed. Neither is written: the type of the exception and the place in the code are.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from lockgate.core.shown import json_line, visible

Form = Literal["text", "json"]
FORMS: tuple[Form, ...] = ("text", "json")

OURS = "lockgate"
_PROCESS = re.compile(
    r"(gateway|contract|model|sealer|controller)(?:-[0-9]{1,4})?(?::[0-9a-f]{8})?(?: worker)?"
    r"(: | \| | (?=ended |broken ))"
)
_FINDING = re.compile(r"\bLG[0-9]{3,4}\b")
_MOST_PLACES = 3


class Plain(logging.Formatter):
    """`gateway: WORDS`. Words of other libraries, and of exceptions, are left out: they may quote what was sent."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        ours = record.name == OURS or record.name.startswith(f"{OURS}.")
        words = _message(record) if ours else f"{record.name} {record.levelname.lower()}"
        _, error, trace = record.exc_info or (None, None, None)
        thrown = f" ({where(error, trace)})" if error is not None else ""
        return f"{self._process}: {visible(words)}{thrown}"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def setup(process: str) -> None:
    """For `gateway` and `sealer`: all that is logged or thrown goes to stderr in the form above."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Plain(process))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.raiseExceptions = False
    log = logging.getLogger(f"{OURS}.{process}")

    def fell(_kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("fell", exc_info=(type(error), error, trace))

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            log.error("a thread fell", exc_info=(arguments.exc_type, arguments.exc_value, arguments.exc_traceback))

    def unraisable(seen: Any) -> None:
        if seen.exc_value is not None:
            log.error("not raised", exc_info=(seen.exc_type, seen.exc_value, seen.exc_traceback))

    sys.excepthook = fell
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable


def where(error: BaseException, trace: TracebackType | None) -> str:
    """Type and place of an exception, and nothing that it says: `ValueError at read, body.py:40; ...`, inmost first."""
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_name}, {code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    kind = type(error).__name__
    return f"{kind} at {'; '.join(places[: -_MOST_PLACES - 1 : -1])}" if places else kind


def sayer(
    form: Form, say: Callable[[str], None], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Callable[[str], None]:
    """`say`, or what hands it each line as one JSON object."""
    return say if form == "text" else lambda line: say(as_json(line, now()))


def as_json(line: str, now: datetime) -> str:
    """A line of the supervisor, its own or a child's, as one JSON object."""
    found = _PROCESS.match(line)
    message = line[found.end() :].removeprefix(f"{found[1]}: ") if found else line
    finding = _FINDING.search(message)
    value = {
        "finding": finding[0] if finding else None,
        "message": message,
        "process": found[0].split()[0].rstrip(":") if found else "supervisor",
        "time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    return json_line(value)
