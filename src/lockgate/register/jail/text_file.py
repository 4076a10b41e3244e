"""Are these bytes plain text, or the serving specification that training wrote? Nothing here runs or imports them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lockgate.core.encoding import decode
from lockgate.register.formats import MAX_TEXT_BYTES
from lockgate.register.jail.findings import NotAllowed
from lockgate.runtime import serving

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")
_STRICT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")


def check_text(data: bytes, *, strict: bool = False) -> dict[str, Any]:
    """Facts: `lines`. Raises NotAllowed LG419 for anything but UTF-8 without control characters.

    `strict`: without those of the second set either, by which one letter commands some terminals. JSON may hold them:
    vocabularies do.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise NotAllowed("LG416", "it is larger than the limit", bytes=len(data), limit=MAX_TEXT_BYTES)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotAllowed("LG419", f"it is not UTF-8 text: byte {error.start}", offset=error.start) from None
    control = (_STRICT if strict else _CONTROL).search(text)
    if control:
        offset = len(text[: control.start()].encode())
        raise NotAllowed("LG419", f"it holds a control character at {offset}", offset=offset, code=ord(control[0]))
    return {"lines": text.count("\n")}


def check_json(data: bytes) -> dict[str, Any]:
    """Facts: `keys`, the names at the top. Raises NotAllowed LG418 for anything but one strict JSON object."""
    check_text(data)
    value = _object(data)
    return {"keys": sorted(value)}


def check_io(data: bytes, graph: Mapping[str, Any]) -> dict[str, Any]:
    """The serving specification fits the graph: it feeds every graph input once, and reads outputs that exist.

    Args:
        graph: the facts that `check_onnx` gave.

    Raises:
        NotAllowed: LG418.
    """
    check_text(data)
    try:
        spec = serving.parse(data)
    except ValueError as error:
        raise NotAllowed("LG418", f"it is no serving specification: {error}") from None
    fed = sorted(each.input for each in spec.inputs)
    if fed != sorted(graph["inputs"]):
        raise NotAllowed("LG418", "its inputs are not those of the graph", io=fed, graph=graph["inputs"])
    read = [name for name in (spec.label_output, spec.scores_output, spec.value_output) if name is not None]
    unknown = [name for name in read if name not in graph["outputs"]]
    if unknown:
        raise NotAllowed("LG418", "it reads outputs that the graph does not have", outputs=unknown)
    return {"task": spec.task, "inputs": len(spec.inputs)}


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = decode(data)
    except ValueError as error:
        raise NotAllowed("LG418", f"it is not strict JSON: {error}") from None
    if not isinstance(value, dict):
        raise NotAllowed("LG418", "it is not a JSON object")
    return value
