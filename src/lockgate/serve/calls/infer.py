"""`POST /v2/models/{model}[/versions/{version}]/infer`: the Open Inference Protocol v2, JSON and binary tensors.

Source: kserve/open-inference-protocol `specification/protocol/inference_rest.md`. Tensors become records and meet the
same contract, the same price and the same record as those of `POST /predict`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lockgate.contract.given import Given
from lockgate.contract.requests import NotJson
from lockgate.core.encoding import encode
from lockgate.serve import body
from lockgate.serve.admission.counters import Later
from lockgate.serve.calls import binary, bounds, inputs
from lockgate.serve.calls.ask import MEDIA_BINARY, MEDIA_JSON, Ask, Checker, Doors, Live, check_id, postpone
from lockgate.serve.calls.predict import hand_on, model_header
from lockgate.serve.calls.tensors import Output, elements, outputs, withheld
from lockgate.serve.declined import Declined
from lockgate.serve.http import Reply
from lockgate.serve.spec import Action, Answer

_REQUEST = {"id", "parameters", "inputs", "outputs"}
_FOLLOWED = {"binary_data_output": bool}


@dataclass(frozen=True, slots=True)
class Wish:
    """One output tensor that is asked for, and whether as bytes."""

    output: Output
    binary: bool


class Infer:
    """The call of the Open Inference Protocol."""

    name: str = "infer"
    action: Action = "predict"
    media: tuple[str, ...] = (MEDIA_JSON, MEDIA_BINARY)

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._known: tuple[Checker | None, frozenset[str]] = (None, frozenset())

    def answer(self, ask: Ask) -> None:
        """Read, charge, hand on. Raises Declined 400, 403, 404, 413, 429, 503."""
        doors = self._doors
        live, (given, spell) = doors.read(ask, doors.live(ask, "predict"), self._read)
        try:
            hand_on(doors, ask, live, given, spell)
        except Later as later:
            postpone(later, ask, partial(hand_on, doors, ask, live, given, spell))

    def _read(self, ask: Ask, live: Live) -> tuple[Given, Callable[[Answer], Reply]]:
        """The records, and what spells their answer. Before they are made, how many and how large they may become.

        Raises Declined 400, 413.
        """
        written, rest = binary.split(ask.head, ask.body)
        request = body.parse(written)
        unknown = sorted(set(request) - _REQUEST)
        if unknown:
            raise inputs.wrong(f"unknown key {binary.shown(unknown[0])}")
        name = check_id(request.get("id", ""))
        wishes = wished(request, outputs(live.served, live.policy.output(ask.client.kind)))
        own = self._own(live)
        found = inputs.columns(request.get("inputs"), rest, limit=self._doors.most(ask), own=own)
        bounds.repeated(found, len(next(iter(found.values()))), own=own, most=self._doors.caps.max_body)
        try:
            given = live.checker.records(inputs.records(found))
        except NotJson as error:
            raise inputs.wrong(str(error)) from None
        bounds.whole(given.canonical)
        given.id = name
        return given, partial(response, wishes=wishes, name=name if "id" in request else None)

    def _own(self, live: Live) -> frozenset[str]:
        """The names that the live contract knows, put together once per contract."""
        checker, known = self._known
        if checker is not live.checker:
            known = bounds.names(live)
            self._known = (live.checker, known)
        return known


def wished(request: Mapping[str, Any], offered: Sequence[Output]) -> tuple[Wish, ...]:
    """The output tensors asked for, in the order offered: all of them where the request names none.

    Raises Declined 400 (LG608, LG656 an output that is not offered, LG657 a parameter).
    """
    as_bytes = inputs.parameters(request, _FOLLOWED).get("binary_data_output", False)
    asked = request.get("outputs", [])
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise inputs.wrong("outputs must be a list of objects")
    if not asked:
        return tuple(Wish(output, as_bytes) for output in offered)
    wishes = {}
    for one in asked:
        if not isinstance(one.get("name"), str) or set(one) - {"name", "parameters"} or one["name"] in wishes:
            raise inputs.wrong("an output has a name, given once, and perhaps parameters")
        wishes[one["name"]] = inputs.parameters(one, {"binary_data": bool}).get("binary_data", as_bytes)
    unknown = sorted(set(wishes) - {output.name for output in offered})
    if unknown:
        names = ", ".join(output.name for output in offered)
        raise Declined(
            400, "LG656", f"the output {binary.shown(unknown[0])} is not among those of this client: {names}"
        )
    return tuple(Wish(output, wishes[output.name]) for output in offered if output.name in wishes)


def response(answer: Answer, *, wishes: Sequence[Wish], name: str | None) -> Reply:
    """The reply with the output tensors of `wishes`. `name`: the request's id, None where it had none."""
    served, rows = answer.served, len(answer.predictions)
    described, parts = [], []
    # Less may be given than was offered: what is not there is left out, and no number stands for it.
    left_out = withheld(answer)
    for wish in (one for one in wishes if one.output.name not in left_out):
        tensor: dict[str, Any] = {
            "name": wish.output.name,
            "datatype": wish.output.datatype,
            "shape": [rows, *wish.output.width],
        }
        found = elements(wish.output, answer)
        if wish.binary:
            parts.append(binary.write(wish.output.datatype, found))
            tensor["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            tensor["data"] = found
        described.append(tensor)
    said: dict[str, Any] = {"model_name": served.name, "model_version": str(served.version), "outputs": described}
    if answer.proofs:
        # A parameter is one string: a JSON array of them.
        said["parameters"] = {"proofs": encode(list(answer.proofs)).decode()}
    written = encode(said if name is None else {**said, "id": name})
    headers = [model_header(served)]
    if len(answer.receipts) == 1:
        headers.append(("Lockgate-Receipt", answer.receipts[0]))
    if not parts:
        return Reply(200, written, headers)
    headers.append(("Inference-Header-Content-Length", str(len(written))))
    return Reply(200, b"".join((written, *parts)), headers, MEDIA_BINARY)
