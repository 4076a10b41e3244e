"""Look at every file of a model that was made elsewhere: each is what its name promises, or the first is named.

`main` takes one argument, the directory to read, and writes `scan.json` to /out:
`{"kind", "files": [{"name", "sha256", "size", "format", "facts"}], "refused": null | {"name", "finding", ...}}`.
The launcher compares the digests with what it asked for. Kinds: `huggingface`, `mlflow model`, `mlflow run`, `files`.

Trusted: nothing about the bytes, and of a name only what it promises to readers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lockgate.contract.jail.outcome import out_dir, place
from lockgate.core.encoding import decode, encode
from lockgate.register.import_formats import is_run
from lockgate.register.jail.folder_walk import outcomes
from lockgate.register.jail.held_file import opened
from lockgate.register.jail.scan import entry, refusal

_RUN = re.compile(r"^(?:run_id|run_uuid|model_id): *\S", re.MULTILINE)
_FLAVORS = re.compile(r"^flavors: *$", re.MULTILINE)


def scan(root: Path) -> dict[str, Any]:
    """The report described at the top. Never raises for what is in the files."""
    paths = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
    runs = is_run(frozenset(paths))
    found: list[dict[str, Any]] = []
    with opened(root, follow=True) as top:
        for one in outcomes(top, allow="run" if runs else "outside"):
            if one.verdict != "ok":
                return {"kind": "", "files": found, "refused": refusal(one)}
            found.append(entry(one))
    return {"kind": _kind(paths), "files": found, "refused": None}


def main(arguments: Sequence[str]) -> None:
    """Entry in the jail."""
    (out_dir() / "scan.json").write_bytes(encode(scan(place(arguments[0]))))


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
