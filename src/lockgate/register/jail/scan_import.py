"""Look at every file of a model that was made elsewhere: each is what its name promises, or the first is named.

`main` takes one argument, the directory to read, and writes `scan.json` to /out:
`{"kind", "files": [{"name", "sha256", "size", "format", "facts"}], "refused": null | {"name", "finding", ...}}`.
The launcher compares the digests with what it asked for. Kinds: `huggingface`, `mlflow model`, `mlflow run`, `files`.

Trusted: nothing about the bytes, and of a name only what it promises to readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lockgate.contract.jail.outcome import out_dir, place
from lockgate.core.encoding import decode, encode
from lockgate.register.formats import MAX_MODEL_BYTES, MAX_TEXT_BYTES
from lockgate.register.import_formats import CODE_KEYS, MAX_RECORD, form_of, is_run
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.safetensors_file import check_safetensors
from lockgate.register.jail.text_file import check_text, disguise

_FIRST = 16
_RUN = re.compile(r"^(?:run_id|run_uuid|model_id): *\S", re.MULTILINE)
_FLAVORS = re.compile(r"^flavors: *$", re.MULTILINE)
_LOADER = re.compile(r"loader_module")
_OWN_LOADER = re.compile(r"^ *loader_module: mlflow(?:\.[a-z0-9_]+)+ *$", re.MULTILINE)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U000([0-9a-fA-F]{5}))")
_TAG = re.compile(r"(?:^|[\s\[{,?:-])!(?:!?[A-Za-z<]|<)", re.MULTILINE)
_WITH_CODE = re.compile("|".join(CODE_KEYS))


def scan(root: Path) -> dict[str, Any]:
    """The report described at the top. Never raises for what is in the files."""
    import hashlib

    paths = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
    runs = is_run(frozenset(paths))
    found: list[dict[str, Any]] = []
    for name, path in paths.items():
        try:
            form, facts = _check(name, path, runs=runs)
        except NotAllowed as no:
            refused = {"name": name, "finding": no.finding, "message": no.message, "seen": no.seen}
            return {"kind": "", "files": found, "refused": refused}
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = path.stat().st_size
        found.append({"name": name, "sha256": digest, "size": size, "format": form, "facts": facts})
    return {"kind": _kind(paths), "files": found, "refused": None}


def main(arguments: Sequence[str]) -> None:
    """Entry in the jail."""
    (out_dir() / "scan.json").write_bytes(encode(scan(place(arguments[0]))))


def _check(name: str, path: Path, *, runs: bool) -> tuple[str, dict[str, Any]]:
    form = form_of(name, is_run=runs)
    with path.open("rb") as stream:
        first = stream.read(_FIRST)
        hidden = disguise(first)
        if hidden:
            raise NotAllowed("LG410", f"it is {hidden}", first_bytes=first[:8].hex())
        if form == "code" or first.startswith(b"#!"):
            raise NotAllowed("LG464", "it is code")
        if not form:
            raise NotAllowed("LG463", "its name is not one of a form that comes in", first_bytes=first[:8].hex())
        if form == "safetensors":
            stream.seek(0)
            return form, check_safetensors(stream, path.stat().st_size)
    if form == "onnx":
        return form, _onnx(_read(path, MAX_MODEL_BYTES))
    data = _read(path, MAX_RECORD if form == "record" else MAX_TEXT_BYTES)
    facts = check_text(data)
    if form == "json":
        facts |= _json(data)
    if name.rpartition("/")[2] == "MLmodel" or name.endswith((".yaml", ".yml")):
        _refuse_code(data.decode())
    return ("text" if form == "record" else form), facts


def _onnx(data: bytes) -> dict[str, Any]:
    # Most imports bring none, and its parser is the slowest thing to load here.
    from lockgate.register.jail.onnx_file import check_onnx

    return check_onnx(data)


def _read(path: Path, most: int) -> bytes:
    size = path.stat().st_size
    if size > most:
        raise NotAllowed("LG416", "it is larger than the limit", bytes=size, limit=most)
    return path.read_bytes()


def _json(data: bytes) -> dict[str, Any]:
    """Facts: `keys`, as many names at the top as are worth showing."""
    try:
        value = decode(data)
    except ValueError as error:
        raise NotAllowed("LG418", f"it is not strict JSON: {error}") from None
    for key, setting in _settings(value):
        if key in CODE_KEYS and setting:
            raise NotAllowed("LG464", f"its setting {key} loads code that comes with the model", setting=key)
    return {"keys": sorted(key[:80] for key in value)[:20] if isinstance(value, dict) else []}


def _settings(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key of every object inside, with its value; without recursion, which a deep file would exhaust."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from one.items()
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _refuse_code(text: str) -> None:
    """YAML can spell one key in many ways, so the words are looked for wherever they stand, in whatever spelling.

    1. No tag names a type: that is how YAML makes objects of somebody's choice.
    2. `loader_module` stands only as a plain line that names a module of MLflow's own.
    3. No setting loads code that comes with the model.
    """
    joined = re.sub(r"\\\n *", "", text.replace("\r\n", "\n").replace("\r", "\n"))
    plain = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2] or found[3], 16)), joined)
    # 1.
    tag = _TAG.search(plain)
    if tag:
        raise NotAllowed("LG464", "a tag in it names a type to be made", tag=tag[0].strip()[:40])
    # 2.
    if len(_LOADER.findall(plain)) != len(_OWN_LOADER.findall(plain)):
        raise NotAllowed("LG464", "its loader_module is a module of somebody's own, or spelled in another way")
    # 3.
    setting = _WITH_CODE.search(plain)
    if setting:
        raise NotAllowed("LG464", f"its setting {setting[0]} loads code that comes with the model", setting=setting[0])


def _kind(paths: dict[str, Path]) -> str:
    """What whoever made the folder calls it, by what is in its own description."""
    if "MLmodel" in paths and _FLAVORS.search(paths["MLmodel"].read_text("utf-8")):
        return "mlflow model"
    if is_run(frozenset(paths)) and _RUN.search(paths["meta.yaml"].read_text("utf-8")):
        return "mlflow run"
    if "config.json" in paths:
        config = decode(paths["config.json"].read_bytes())
        if isinstance(config, dict) and ("model_type" in config or "architectures" in config):
            return "huggingface"
    return "files"
