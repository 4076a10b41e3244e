"""Which bodies are taken at all: by declared type, uncompressed. What nobody asked for is not parsed."""

from __future__ import annotations

from lockgate.serve.calls.ask import MEDIA_BINARY, MEDIA_JSON, Call
from lockgate.serve.declined import Declined
from lockgate.serve.http import Head

HEADER_LENGTH = "inference-header-content-length"
_UTF8 = ("", "charset=utf-8", 'charset="utf-8"')


def check(call: Call, head: Head) -> None:
    """Refuse a body that `call` does not take. Raises Declined 415 (LG607).

    Inference clients send no Content-Type: absent is JSON, or binary tensors beside `Inference-Header-Content-Length`.
    """
    if not call.media:
        return
    headers = head.headers
    found = headers.get("content-type")
    mixed = HEADER_LENGTH in headers
    if found == MEDIA_JSON and not mixed and "content-encoding" not in headers:
        return
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _refused("compressed bodies are not taken")
    media, _, parameter = (found or "").partition(";")
    media = media.strip().lower() or (MEDIA_BINARY if mixed else MEDIA_JSON)
    if media not in call.media:
        raise _refused(f"this call takes {' or '.join(call.media)}: name it in the header Content-Type")
    if parameter.strip().lower() not in (_UTF8 if media == MEDIA_JSON else ("",)):
        raise _refused("the only charset is utf-8, of JSON")
    if (media == MEDIA_BINARY) is not mixed:
        raise _refused(f"binary tensors are {MEDIA_BINARY} with Inference-Header-Content-Length, JSON comes without it")


def _refused(message: str) -> Declined:
    return Declined(415, "LG607", message)
