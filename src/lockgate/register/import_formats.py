"""The allowlist of imports, as one value: which file may come in under which name. Pure.

A name promises a form to whoever opens the file later; the bytes must be of that form. So a text called `model.bin`
does not come in, though it is harmless text: a pickle of protocol 0 is text too, and `.bin` is what loads pickles.
"""

from __future__ import annotations

from typing import Final

from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import encode
from lockgate.register import formats

SAFETENSORS: Final = ".safetensors"
ONNX: Final = ".onnx"
JSON: Final = ".json"
TEXTS: Final = (JSON, ".cfg", ".csv", ".ini", ".jinja", ".md", ".rst", ".toml", ".tsv", ".txt", ".yaml", ".yml")
BARE: Final = frozenset(
    {".gitattributes", "LICENCE", "LICENSE", "MLmodel", "NOTICE", "README", "registered_model_meta"}
)
"""Names of texts without an ending."""

RECORDS: Final = ("metrics/", "params/", "tags/")
"""Folders in which MLflow keeps one small text for each value of a run."""

CODE: Final = frozenset({".dll", ".dylib", ".ipynb", ".js", ".jl", ".lua", ".pyc", ".pyd", ".py", ".r", ".sh", ".so"})
CODE_KEYS: Final = ("auto_map", "custom_pipeline", "custom_pipelines", "trust_remote_code")
"""Settings by which a library loads code that comes with the model. `null`, `false` and empty ones are none."""

MAX_HEADER: Final = 100_000_000
MAX_FILES: Final = 10_000
MAX_BYTES: Final = 64 << 30
MAX_RECORD: Final = 1 << 20


def form_of(name: str, *, is_run: bool) -> str:
    """What the name promises: `safetensors`, `onnx`, `json`, `text`, `code`, or "" for nothing that comes in."""
    last = name.rpartition("/")[2]
    ending = "." + last.rpartition(".")[2].lower() if "." in last else ""
    if ending in CODE:
        return "code"
    if ending in (SAFETENSORS, ONNX):
        return ending[1:]
    if ending in TEXTS:
        return "json" if ending == JSON else "text"
    if last in BARE:
        return "text"
    return "record" if is_run and name.startswith(RECORDS) else ""


def is_run(names: frozenset[str]) -> bool:
    """Whether these may be the files of an MLflow run: its record beside its artifacts."""
    return "meta.yaml" in names and any(name.startswith(("artifacts/", *RECORDS)) for name in names)


def rules_digest() -> Digest:
    """The digest of everything above, and of the rules for ONNX and texts."""
    return digest_of(
        encode(
            {
                "beneath": formats.rules_digest(),
                "code": [sorted(CODE), list(CODE_KEYS)],
                "forms": [SAFETENSORS, ONNX, list(TEXTS), sorted(BARE), list(RECORDS)],
                "limits": [MAX_HEADER, MAX_FILES, MAX_BYTES, MAX_RECORD],
                "what": "import",
                "v": 1,
            }
        )
    )
