"""One file of models, by content: what it is and its facts, or NotAllowed. The one door; nothing is opened by its name.

A name promises a form to whoever opens the file later, so it can only make the verdict stricter: the bytes must be of
that form, to the last one, and of no other that runs code. What the bytes look like besides decides how a refusal is
worded, and refuses sooner; it lets nothing in.

Trusted: nothing about the bytes; of a name only what it promises. Promised: nothing here runs, imports or unpacks
anything to a disk, and work and memory are bounded by the limits of each form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal

from lockgate.register.formats import MAX_TEXT_BYTES, MODEL
from lockgate.register.import_formats import MAX_RECORD, TEMPLATES, form_of
from lockgate.register.jail.archive_signs import ENDINGS, FIRST, Sign, sign_of
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.inspect_words import disguised, refuse_pointer, unpromised
from lockgate.register.jail.onnx_external import Beside
from lockgate.register.jail.other_forms import refuse_other_forms
from lockgate.register.jail.text_file import check_json, check_text

__all__ = ["Allow", "Beside", "Inspected", "inspect"]

Allow = Literal["outside", "closure", "run"]
"""`outside`: what is harmless at rest, and what imports take. `closure`: what registration takes, the captured code
among it. `run`: as `outside`, in the folder of an MLflow run, with its records.
"""

DATA: Final = "onnx data"


@dataclass(frozen=True)
class Inspected:
    """What a file was found to be."""

    format: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class _File:
    name: str
    stream: BinaryIO
    size: int
    beside: Beside


def inspect(
    name: str,
    stream: BinaryIO,
    size: int,
    beside: Beside,
    *,
    allow: Allow = "outside",
    accounted: int | None = None,
) -> Inspected:
    """What the file is.

    1. What its name promises; `accounted` bytes are those of an ONNX model beside it, which its own file accounts for.
    2. It is no code, and nothing else that never comes in.
    3. No other reader finds something to run in it: no pickle, and no archive at its end or behind its beginning.
    4. It is of the promised form, to the last byte. In a closure JSON and texts are ours, and load nothing.

    Args:
        stream: at 0, can seek.

    Raises:
        NotAllowed: LG410 to LG419, LG422 to LG425, LG463 to LG465, LG470 to LG472.
    """
    # 1.
    form = _promise(name, allow) if accounted is None else _data_form(name)
    if accounted is not None and form != DATA:
        raise NotAllowed("LG414", "a model beside it has its weights in it, and its name promises something else")
    stream.seek(0)
    first = stream.read(FIRST)
    # 2.
    if form == "code":
        raise NotAllowed("LG464", "its name says that it is code", offset=0)
    if form != "text" and allow != "closure":
        refuse_pointer(first, size)
    sign = sign_of(first)
    if sign and _counts(sign, form, first, size, allow):
        raise disguised(sign, stream, size, first, closure=allow == "closure")
    if not form:
        raise unpromised(name, stream, size, first)
    # 3.
    refuse_other_forms(stream, size, form)
    # 4.
    stream.seek(0)
    if form == DATA:
        if size != accounted:
            raise NotAllowed("LG423", "it is not as long as the model beside it says", offset=0, bytes=size)
        return Inspected(DATA, {})
    file = _File(name, stream, size, beside)
    if allow == "closure" and form in ("json", "text"):
        data = _read(file, MAX_TEXT_BYTES)
        return Inspected(form, check_json(data) if form == "json" else check_text(data))
    return _PARSERS[form](file)


def _promise(name: str, allow: Allow) -> str:
    form = form_of(name, is_run=allow == "run")
    if allow != "closure":
        return form
    # The captured code is what a closure is for; it is read by people, and runs in jails only.
    own = form in ("json", "safetensors") or name == MODEL or (form == "code" and not name.startswith("code/"))
    return form if own else "text"


def _data_form(name: str) -> str:
    """Weights may be called anything that promises nothing else: a file is data or a text, never both.

    `.bin` is what many exporters call them. Loaders unpickle such files too: `refuse_other_forms` sees what they would.
    """
    ending = "." + name.rpartition(".")[2].lower()
    form = form_of(name, is_run=False)
    return form if form or ending in ENDINGS.keys() - {".bin"} else DATA


def _counts(sign: Sign, form: str, first: bytes, size: int, allow: Allow) -> bool:
    """Whether the first bytes are a sign of what never comes in, and not the beginning of what the name promises."""
    if form == "npz":
        return not sign.title.startswith("a zip")
    if allow == "closure" and sign.title == "a script":
        return False
    if not sign.short:
        return True
    if form == DATA:
        return False
    if form == "safetensors":
        length = int.from_bytes(first[:8], "little")
        return not (first[8:9] == b"{" and length <= size - 8)
    return form in ("onnx", "npy", "") or not _is_texty(first)


def _is_texty(first: bytes) -> bool:
    return all(byte > 31 or byte in b"\t\n\r\f" for byte in first) and first[:1] < b"\x80"


def _read(file: _File, most: int) -> bytes:
    if file.size > most:
        raise NotAllowed("LG416", "it is larger than the limit", bytes=file.size, limit=most)
    return file.stream.read()


def _onnx(file: _File) -> Inspected:
    # Most folders bring none, and its parser is the slowest thing to load here.
    from lockgate.register.jail.onnx_file import check_onnx

    return Inspected("onnx", check_onnx(file.stream, file.size, file.beside))


def _safetensors(file: _File) -> Inspected:
    from lockgate.register.jail.safetensors_file import check_safetensors

    return Inspected("safetensors", check_safetensors(file.stream, file.size))


def _npy(file: _File) -> Inspected:
    from lockgate.register.jail.npy_file import check_npy

    return Inspected("npy", check_npy(file.stream, file.size))


def _npz(file: _File) -> Inspected:
    from lockgate.register.jail.archive_npz import check_npz

    return Inspected("npz", check_npz(file.stream, file.size))


def _json(file: _File) -> Inspected:
    from lockgate.register.jail.json_file import check_settings_file

    data = _read(file, MAX_TEXT_BYTES)
    return Inspected("json", check_text(data) | check_settings_file(data))


def _text(file: _File) -> Inspected:
    return _plain(file.name, _read(file, MAX_TEXT_BYTES))


def _record(file: _File) -> Inspected:
    return _plain(file.name, _read(file, MAX_RECORD))


def _plain(name: str, data: bytes) -> Inspected:
    from lockgate.register.jail.template_file import check_plain, check_template
    from lockgate.register.jail.yaml_settings import front_matter, refuse_code, refuse_pickled

    facts = check_text(data, strict=True)
    text = data.decode()
    if text.startswith("\ufeff#!"):
        raise NotAllowed("LG464", "it is a script", offset=3)
    if name.lower().endswith(TEMPLATES):
        facts["blocks"] = check_template(text)
    elif not name.lower().endswith(".md"):
        check_plain(text)
    if name.lower().endswith((".yaml", ".yml")):
        refuse_code(text)
    elif name.rpartition("/")[2] == "MLmodel":
        refuse_code(text)
        refuse_pickled(text)
    elif name.lower().endswith(".md"):
        # What follows is for people, who write about templates and code too.
        check_plain(front_matter(text))
        refuse_code(front_matter(text))
    return Inspected("text", facts)


_PARSERS: Final[Mapping[str, Callable[[_File], Inspected]]] = {
    "json": _json,
    "npy": _npy,
    "npz": _npz,
    "onnx": _onnx,
    "record": _record,
    "safetensors": _safetensors,
    "text": _text,
}
