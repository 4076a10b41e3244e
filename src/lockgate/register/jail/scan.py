"""Look at every file of a closure before it is signed: all are on the allowlist, or the first that is not is named.

`main` takes one argument, the directory to read, and writes `scan.json` to /out:
`{"files": [{"name", "sha256", "size", "format", "facts"}], "refused": null | {"name", "finding", "message", "seen"}}`.
The launcher compares the digests with what it asked for; it never reads the files' meaning from anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lockgate.contract.jail.outcome import out_dir, place
from lockgate.core.digest import digest_of, hex_of
from lockgate.core.encoding import encode
from lockgate.register.formats import MODEL, SERVING
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.onnx_file import check_onnx
from lockgate.register.jail.text_file import check_io, check_json, check_text, disguise


def scan(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The report described at the top. Never raises for what is in the files."""
    found: list[dict[str, Any]] = []
    facts: dict[str, dict[str, Any]] = {}
    for name in sorted(files, key=lambda one: (one != MODEL, one)):
        data = files[name]
        try:
            kind, facts[name] = _check(name, data, facts)
        except NotAllowed as no:
            return {
                "files": found,
                "refused": {"name": name, "finding": no.finding, "message": no.message, "seen": no.seen},
            }
        found.append(
            {
                "name": name,
                "sha256": hex_of(digest_of(data)),
                "size": len(data),
                "format": kind,
                "facts": facts[name],
            }
        )
    return {"files": found, "refused": None}


def main(arguments: Sequence[str]) -> None:
    """Entry in the jail."""
    root = place(arguments[0])
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    (out_dir() / "scan.json").write_bytes(encode(scan(files)))


def _check(name: str, data: bytes, facts: Mapping[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    hidden = disguise(data)
    if hidden:
        raise NotAllowed("LG410", f"it is {hidden}", first_bytes=data[:8].hex())
    if name == MODEL:
        return "onnx", check_onnx(data)
    if name == SERVING:
        if MODEL not in facts:
            raise NotAllowed("LG418", "there is no model.onnx that it could describe")
        return "json", check_io(data, facts[MODEL])
    if name.endswith(".json"):
        return "json", check_json(data)
    return "text", check_text(data)
