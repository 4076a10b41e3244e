"""Look at every file of a closure before it is signed: all are on the allowlist, or the first that is not is named.

`main` takes one argument, the directory to read, and writes `scan.json` to /out:
`{"files": [{"name", "sha256", "size", "format", "facts"}], "refused": null | {"name", "finding", "message", "seen"}}`.
The launcher compares the digests with what it asked for; it never reads the files' meaning from anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockgate.contract.jail.outcome import out_dir, place
from lockgate.core.encoding import encode
from lockgate.register.formats import DATA, MODEL, SERVING
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.folder_walk import Outcome, outcomes
from lockgate.register.jail.held_file import held, opened
from lockgate.register.jail.text_file import check_io


def scan(root: Path) -> dict[str, Any]:
    """The report described at the top. Never raises for what is in the files."""
    found: list[dict[str, Any]] = []
    model: Mapping[str, Any] | None = None
    with opened(root, follow=True) as top:
        for one in outcomes(top, allow="closure"):
            if one.verdict != "ok":
                return {"files": found, "refused": refusal(one)}
            try:
                facts = _closure(top, one, model)
            except NotAllowed as no:
                refused = {"name": one.name, "finding": no.finding, "message": no.message, "seen": no.seen}
                return {"files": found, "refused": refused}
            model = one.facts if one.name == MODEL else model
            found.append(entry(one) | {"facts": facts})
    return {"files": found, "refused": None}


def entry(one: Outcome) -> dict[str, Any]:
    """What a report says about a file that is harmless."""
    return {"name": one.name, "sha256": one.sha256, "size": one.size, "format": one.format, "facts": one.facts}


def refusal(one: Outcome) -> dict[str, Any]:
    """What a report says about the first that is not."""
    return {"name": one.name, "finding": one.finding, "message": one.message, "seen": one.seen}


def main(arguments: Sequence[str]) -> None:
    """Entry in the jail."""
    (out_dir() / "scan.json").write_bytes(encode(scan(place(arguments[0]))))


def _closure(top: int, one: Outcome, model: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The file's facts, once it fits the others. Raises NotAllowed LG414, LG418."""
    if one.format == "onnx data" and one.name != DATA:
        raise NotAllowed("LG414", f"data of the model lie in it, and not in {DATA}")
    if one.name != SERVING:
        return one.facts
    if model is None:
        raise NotAllowed("LG418", f"there is no {MODEL} that it could describe")
    with held(top, SERVING) as file:
        if file.sha256 != one.sha256:
            raise NotAllowed("LG473", "it was changed while it was read")
        return check_io(file.stream.read(), model)
