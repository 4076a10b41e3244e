"""`POST /feedback`: what came true, for predictions that were answered before. Needs the action `label`.

    {"receipt": "lgr1...", "label": true}     or     {"feedback": [{"receipt": ..., "label": ...}, ...]}

All of a request is recorded, or nothing: a refused one can be mended and sent again as it is.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from lockgate.serve import body
from lockgate.serve.admission.counters import Later
from lockgate.serve.calls.ask import LONGEST_RECEIPT, MEDIA_JSON, Ask, Doors, failed, json_reply, postpone
from lockgate.serve.declined import CannotRecord, Declined, unavailable
from lockgate.serve.spec import Action, Labelled, Served, Task

_KEYS = {"receipt", "label"}


class Feedback:
    """The call. Each label costs what a row costs."""

    name: str = "feedback"
    action: Action = "label"
    media: tuple[str, ...] = (MEDIA_JSON,)

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._tasks: set[asyncio.Task[None]] = set()

    def answer(self, ask: Ask) -> None:
        """Read, charge, hand on. Raises Declined 400, 403, 409, 413, 422, 429, 503."""
        doors = self._doors
        live = doors.live(ask, "label")
        try:
            labels = labels_of(body.parse(ask.body), live.served, limit=doors.most(ask))
        except Declined:
            doors.fine(ask)
            raise
        try:
            self._hand_on(ask, live.served.name, labels)
        except Later as later:
            postpone(later, ask, partial(self._hand_on, ask, live.served.name, labels))

    def _hand_on(self, ask: Ask, model: str, labels: Sequence[Labelled]) -> None:
        headers = self._doors.admission.charge(ask.client, model, len(labels))
        task = asyncio.get_running_loop().create_task(self._record(ask, labels, dict(headers)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record(self, ask: Ask, labels: Sequence[Labelled], headers: Mapping[str, str]) -> None:
        try:
            async with asyncio.timeout(self._doors.caps.answer):
                receipts = await self._doors.service.feedback(ask.client, labels)
        except Declined as declined:
            declined.headers = {**headers, **declined.headers}
            ask.reply(declined.reply())
        except (CannotRecord, TimeoutError):
            ask.reply(unavailable("LG613", "the labels cannot be recorded now").reply())
        except Exception as error:  # noqa: BLE001 - whatever it was, the request gets its one reply
            ask.reply(failed(error).reply())
        else:
            ask.reply(json_reply({"accepted": len(labels), "receipts": list(receipts)}, status=202, headers=headers))


def labels_of(value: Mapping[str, Any], served: Served, *, limit: int) -> list[Labelled]:
    """The labels in a body, each of which fits `served`.

    Raises Declined 400 (LG608), 409 (LG663) a receipt twice, 413 (LG606), 422 (LG652) with a list of errors.
    """
    single = set(value) == _KEYS
    given = [value] if single else value.get("feedback")
    if not single and set(value) != {"feedback"}:
        raise _wrong("it has receipt and label, or feedback with a list of such objects")
    if not isinstance(given, list) or not given:
        raise _wrong("feedback must be a list of at least one object")
    body.within(len(given), limit)
    found, errors, seen = [], [], set()
    for index, one in enumerate(given):
        if not isinstance(one, dict) or set(one) != _KEYS or not _is_receipt(one["receipt"]):
            raise _wrong(f"feedback[{index}] must have exactly a receipt, which is a text, and a label")
        if one["receipt"] in seen:
            raise Declined(409, "LG663", f"feedback[{index}] labels a receipt a second time")
        seen.add(one["receipt"])
        if fits(one["label"], served.task, served.classes):
            found.append(Labelled(one["receipt"], one["label"]))
        else:
            place = ["label"] if single else ["feedback", index, "label"]
            errors.append({"type": "label", "loc": place, "msg": _expected(served)})
    if errors:
        message = f"{len(errors)} of {len(given)} labels are none of the live model's; nothing was recorded"
        raise Declined(422, "LG652", message, errors=errors)
    return found


def fits(label: Any, task: Task, classes: Sequence[Any]) -> bool:
    """Whether `label` can have come true: one of the classes and of its very type, or for regression a number."""
    if task != "regression":
        return any(type(label) is type(one) and label == one for one in classes)
    if type(label) is int:
        return abs(label) <= 1 << 53
    return type(label) is float and math.isfinite(label)


def _is_receipt(text: Any) -> bool:
    return isinstance(text, str) and 0 < len(text) <= LONGEST_RECEIPT and text.isascii() and text.isprintable()


def _expected(served: Served) -> str:
    if served.task == "regression":
        return "a number is expected"
    shown = ", ".join(json.dumps(one) for one in served.classes[:8])
    return f"one of {shown}{', ...' if len(served.classes) > 8 else ''} is expected"


def _wrong(reason: str) -> Declined:
    return Declined(400, "LG608", f"the body is no feedback: {reason}")
