"""`POST /predict`: records in, predictions out, as JSON. The hot path: nothing here is encoded a second time.

{"records": [{...}, ...], "id": "..."}
{"id": "...", "model": {...}, "predictions": [{...}, ...], "receipts": ["lgr1...", ...]}

Where the policy demands `sealed` there is "proofs" as well: a C2SP tlog-proof for each record, in the receipts' order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lockgate.contract.given import Given
from lockgate.core.encoding import encode
from lockgate.serve import body
from lockgate.serve.admission.counters import Later
from lockgate.serve.calls.ask import MEDIA_JSON, Ask, Doors, Live, check_id, postpone
from lockgate.serve.http import Reply
from lockgate.serve.rules import CONTRACT_PRICE
from lockgate.serve.spec import Action, Answer, Asked, Served

_BETWEEN = '","'


class Predict:
    """The plain call."""

    name: str = "predict"
    action: Action = "predict"
    media: tuple[str, ...] = (MEDIA_JSON,)

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._card = Card()

    def answer(self, ask: Ask) -> None:
        """Read, charge, hand on. Raises Declined 400, 403, 413, 429, 503."""
        doors = self._doors
        live = doors.service.routed(ask)
        # Once more: another model may have gone live since the gate looked.
        doors.admission.authorise(ask.client, "predict", live.served.name)
        live, given = doors.read(ask, live, self._read)
        try:
            hand_on(doors, ask, live, given, self.spell)
        except Later as later:
            postpone(later, ask, partial(hand_on, doors, ask, live, given, self.spell))

    def _read(self, ask: Ask, live: Any) -> Given:
        given = body.given(live.checker, ask.body, limit=self._doors.most(ask))
        if given.id:
            check_id(given.id)
        return given

    def spell(self, answer: Answer) -> Reply:
        """The reply: what was recorded, byte for byte, around it what is known of it."""
        card, named = self._card.of(answer.served)
        receipts = answer.receipts
        headers = (named, ("Lockgate-Receipt", receipts[0])) if len(receipts) == 1 else (named,)
        start = b'{"id":%b,' % encode(answer.id) if answer.id else b"{"
        told = f'],"receipts":["{_BETWEEN.join(receipts)}"]}}'.encode() if receipts else b'],"receipts":[]}'
        if answer.proofs:
            told = b'],"proofs":%b,%b' % (encode(list(answer.proofs)), told[2:])
        parts = (start, card, b",".join(answer.encoded), told)
        return Reply(200, b"".join(parts), headers)


def hand_on(doors: Doors, ask: Ask, live: Live, given: Given, spell: Callable[[Answer], Reply]) -> None:
    """Charge the rows, and give them to the service. Raises Declined 413, 429, Later."""
    price = 1 if given.values is not None else CONTRACT_PRICE
    headers = doors.admission.charge(ask.client, live.served.name, given.rows, price=price)
    address = ask.head.peer.address
    asked = Asked(ask.client, given, spell, ask.reply, ask.since, headers, ask.wanted, address=address)
    doors.service.predict(live, asked)


class Card:
    """What an answer says of its model, encoded once per model."""

    def __init__(self) -> None:
        self._last: tuple[Served | None, tuple[bytes, tuple[str, str]]] = (None, (b"", ("Lockgate-Model", "")))
        self._before = self._last

    def of(self, served: Served) -> tuple[bytes, tuple[str, str]]:
        """`"model": {...}, "predictions": [` as bytes, and the header. Two models may answer by turns."""
        if served is not self._last[0]:
            self._last, self._before = self._before, self._last
            if served is not self._last[0]:
                card = b'"model":%b,"predictions":[' % encode(served.card())
                self._last = (served, (card, model_header(served)))
        return self._last[1]


def model_header(served: Served) -> tuple[str, str]:
    """Which model answered."""
    return "Lockgate-Model", f"{served.name}@{served.version}"
