"""Tensors that lie in a file beside the model: where they say they lie, and that this accounts for the whole file.

Trusted: nothing of what the model says; of `Beside`, that it gives sizes and bytes of regular files in the one folder.
Promised on return: every location is a plain name of such a file, every tensor has the bytes that its type and sizes
need, no two share any, and what lies between them is zero and short. Links are never followed: `Beside` has none.

Source: `docs/ExternalData.md` of ONNX. The key `checksum` (SHA-1) is allowed and proves nothing here: what is signed is
the digest of the whole file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final, Protocol

from lockgate.register.formats import MAX_DATA_BYTES, MAX_GAP
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.onnx_tensors import Tensor

_KEYS: Final = frozenset({"location", "offset", "length", "checksum"})
_LONGEST_NAME: Final = 255
_LONGEST_NUMBER: Final = 19
_MOST_FILES: Final = 1000


class Beside(Protocol):
    """The regular files in the folder of the file that is looked at."""

    def size(self, name: str) -> int | None:
        """Bytes of the regular file `name`; None when there is none, or it is a link or anything else."""

    def read(self, name: str, begin: int, end: int) -> bytes:
        """The bytes from `begin` to `end`, of the same file that `size` spoke of."""


Span = tuple[int, int, Tensor]


def check_external(tensors: Iterable[Tensor], beside: Beside | None) -> dict[str, list[Span]]:
    """Begin and end of each tensor, by file and in their order there.

    Raises:
        NotAllowed: LG414 a location that is not allowed, LG423 ranges that do not fit or do not account for the file.
    """
    spans: dict[str, list[Span]] = {}
    for tensor in tensors:
        if tensor.external is not None:
            location = _location(tensor, tensor.external)
            spans.setdefault(location, []).append(_span(tensor, tensor.external))
    if len(spans) > _MOST_FILES:
        raise NotAllowed("LG416", "its tensors lie in more files than the limit", files=len(spans), limit=_MOST_FILES)
    for location in sorted(spans):
        size = None if beside is None else beside.size(location)
        if beside is None or size is None:
            raise NotAllowed("LG414", "a tensor lies in a file that is not there, or is no plain file", file=location)
        if size > MAX_DATA_BYTES:
            raise NotAllowed("LG416", "the file beside it is larger than the limit", file=location, bytes=size)
        spans[location].sort(key=lambda one: one[:2])
        _check_cover(location, spans[location], size, beside)
    return spans


def _location(tensor: Tensor, external: Mapping[str, str]) -> str:
    unknown = external.keys() - _KEYS
    if unknown:
        raise NotAllowed("LG414", "a tensor outside the file says what nobody knows", key=min(unknown)[:80])
    location = external.get("location", "")
    plain = location.isprintable() and not any(one in location for one in '/\\:*?"<>|') and location[-1:] not in " ."
    if not plain or location[:1] in (".", " ", "~") or not 0 < len(location.encode()) <= _LONGEST_NAME:
        raise NotAllowed(
            "LG414",
            "a tensor lies at a place that is not a plain name in the model's own folder",
            tensor=tensor.name[:200],
            location=location[:200],
        )
    return location


def _span(tensor: Tensor, external: Mapping[str, str]) -> Span:
    begin = _number(tensor, external, "offset", 0)
    length = _number(tensor, external, "length", tensor.bytes)
    if length != tensor.bytes:
        raise NotAllowed(
            "LG423",
            f"a tensor outside the file has {length} bytes where its type and sizes need {tensor.bytes}",
            tensor=tensor.name[:200],
        )
    return begin, begin + length, tensor


def _number(tensor: Tensor, external: Mapping[str, str], key: str, default: int) -> int:
    text = external.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and str(int(text)) == text):
        raise NotAllowed("LG423", f"a tensor's {key} is no whole number", tensor=tensor.name[:200], value=text[:80])
    return int(text)


def _check_cover(location: str, spans: list[Span], size: int, beside: Beside) -> None:
    furthest = max(spans, key=lambda one: one[1])
    if furthest[1] > size:
        raise NotAllowed(
            "LG423",
            f"a tensor reaches beyond the end of {location}",
            tensor=furthest[2].name[:200],
            offset=size,
            bytes=size,
        )
    # A tensor without elements has no bytes to share.
    filled = [span for span in spans if span[0] < span[1]]
    for (_, end, one), (begin, _, other) in pairwise(filled):
        if begin < end:
            raise NotAllowed(
                "LG423",
                f"two tensors share bytes of {location}",
                tensors=[one.name[:200], other.name[:200]],
                offset=begin,
            )
    at = 0
    for begin, end in [*(span[:2] for span in filled), (size, size)]:
        _check_gap(location, at, begin, beside)
        at = end


def _check_gap(location: str, begin: int, end: int, beside: Beside) -> None:
    if end == begin:
        return
    if end - begin > MAX_GAP:
        raise NotAllowed(
            "LG423", f"{end - begin} bytes of {location} belong to no tensor", offset=begin, bytes=end - begin
        )
    data = beside.read(location, begin, end)
    hidden = len(data) - len(data.lstrip(b"\0"))
    if len(data) != end - begin or hidden < len(data):
        raise NotAllowed(
            "LG423", f"bytes of {location} that belong to no tensor are not zero", offset=begin + min(hidden, len(data))
        )
