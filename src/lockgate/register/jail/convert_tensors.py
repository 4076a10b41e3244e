"""What is this model file, and if it is a plain torch checkpoint, its tensors as safetensors. Runs in a jail.

`main` reads `/in/source` and the task {"most": bytes of tensors}. Nothing of the file is executed. Writes to /out:

    found.json           {"form", "why"} for what has to be executed to be converted
    found.json           {"form", "tensors", "bytes", "equal", "shared", "dropped"}
    model.safetensors    beside it; `equal`: tensors that were read back from it and are the source's, byte for byte
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import decode, encode
from lockgate.errors import Refused
from lockgate.register.jail import convert_forms, convert_write
from lockgate.register.jail.torch_file import Checkpoint, read_legacy, read_zip
from lockgate.register.jail.torch_pickle import TYPES, NotPlain, View, malformed
from lockgate.register.jail.torch_tensors import found, read_all, shared, size_of

SOURCE: Final = "source"
RESULT: Final = "model.safetensors"
FOUND: Final = "found.json"
_SHOWN: Final = 20


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Entry in the jail."""
    guarded(_work, out_dir(), unexpected="LG489")


def _work() -> None:
    most = read_task()["most"]
    said = convert(data_dir() / SOURCE, out_dir() / RESULT, most)
    (out_dir() / FOUND).write_bytes(encode(said))


def convert(source: Path, result: Path, most: int) -> dict[str, Any]:
    """What found.json says; writes `result` if it can be made without executing anything.

    Raises Refused LG481 (no form that is converted), LG485 (it would run programs), LG483 (malformed, or tensors of
    more than `most` bytes).
    """
    form = convert_forms.form_of(source)
    if form == convert_forms.UNKNOWN:
        raise Refused(
            "LG481",
            "it is no model file of a form that is known here",
            next="lockgate explain LG481",
        )
    if form == convert_forms.DONE:
        message = "it seems to be ONNX or safetensors: nothing is to be converted"
        raise Refused("LG481", message, next="lockgate scan FILE")
    reached = convert_forms.reaches(source)
    if reached:
        raise Refused(
            "LG485",
            f"it is no model: when it is read it calls {', '.join(reached[:3])}; nothing was executed",
            seen={"calls": list(reached[:_SHOWN])},
            next="lockgate explain LG485",
        )
    if form not in (convert_forms.TORCH, convert_forms.LEGACY):
        return {"form": form, "why": ""}
    read = read_zip if form == convert_forms.TORCH else read_legacy
    with source.open("rb") as stream:
        try:
            checkpoint = read(stream, source.stat().st_size)
        except NotPlain as other:
            return {"form": form, "why": str(other)}
        return {"form": form, **_tensors(checkpoint, result, most)}


def _tensors(checkpoint: Checkpoint, result: Path, most: int) -> dict[str, Any]:
    inside = found(checkpoint.value)
    tensors = inside.tensors
    if not tensors:
        raise Refused("LG481", "there is no tensor in it", next="lockgate explain LG481")
    size = sum(map(size_of, tensors.values()))
    if size > most:
        raise malformed("its tensors are larger than the limit, or the file says so", bytes=size, limit=most)
    digests: dict[str, str] = {}

    def read() -> Iterator[tuple[str, bytes]]:
        for name, data in read_all(checkpoint, tensors):
            digests[name] = hashlib.sha256(data).hexdigest()
            yield name, data

    convert_write.write(result, {name: _shape(view) for name, view in tensors.items()}, read())
    groups = shared(tensors)
    return {
        "tensors": len(tensors),
        "bytes": size,
        "equal": _equal(result, digests),
        "shared": {"groups": len(groups), "shown": [group[:2] for group in groups[:_SHOWN]]},
        "dropped": {"values": len(inside.dropped), "shown": list(inside.dropped[:_SHOWN])},
    }


def _shape(view: View) -> tuple[str, tuple[int, ...]]:
    return TYPES[view.kind][0], view.shape


def _equal(result: Path, digests: Mapping[str, str]) -> int:
    """How many tensors of the written file have the bytes that the source's had."""
    with result.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = decode(stream.read(length))
        same = 0
        for name, digest in digests.items():
            begin, end = header[name]["data_offsets"]
            stream.seek(8 + length + begin)
            same += hashlib.sha256(stream.read(end - begin)).hexdigest() == digest
    return same
