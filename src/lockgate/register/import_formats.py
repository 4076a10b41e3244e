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
NPY: Final = ".npy"
NPZ: Final = ".npz"
TEMPLATES: Final = (".j2", ".jinja", ".jinja2")
TEXTS: Final = (
    *(JSON, ".bpe", ".cfg", ".conf", ".csv", ".ini", ".jsonl", ".labels", ".lgb", ".lock", ".log", ".md", ".merges"),
    *(".names", ".ndjson", ".properties", ".rst", ".svm", ".toml", ".tsv", ".txt", ".vocab", ".yaml", ".yml"),
    *TEMPLATES,
)
BARE: Final = frozenset(
    {".gitattributes", ".gitignore", "AUTHORS", "CHANGELOG", "COPYING", "LICENCE", "LICENSE", "MLmodel", "NOTICE"}
    | {"README", "VERSION", "registered_model_meta"}
)
"""Names of texts without an ending."""

RECORDS: Final = ("metrics/", "params/", "tags/")
"""Folders in which MLflow keeps one small text for each value of a run."""

CODE: Final = frozenset(
    {".a", ".bash", ".bat", ".c", ".class", ".cmd", ".command", ".cpp", ".cu", ".dll", ".dylib", ".egg", ".exe", ".h"}
    | {".ipynb", ".jar", ".java", ".jl", ".js", ".lua", ".mjs", ".o", ".php", ".pl", ".ps1", ".py", ".pyc", ".pyd"}
    | {".pyi", ".pyo", ".pyw", ".pyx", ".pyz", ".r", ".rb", ".sh", ".so", ".ts", ".vbs", ".wasm", ".whl", ".zsh"}
)
CODE_KEYS: Final = ("auto_map", "custom_generate", "custom_pipeline", "custom_pipelines", "trust_remote_code")
"""Settings by which a library loads code that comes with the model. `null`, `false` and empty ones are none."""

MAX_HEADER: Final = 100_000_000
MAX_FILES: Final = 10_000
MAX_BYTES: Final = 64 << 30
MAX_RECORD: Final = 1 << 20

SCAN_FINDINGS: Final = frozenset(
    f"LG{number}" for number in (*range(410, 421), *range(422, 426), *range(463, 466), *range(470, 475))
)
"""What a look at one file can end with, other than that it is harmless."""

REST: Final = "rest"
"""Seen where something stands for more that was not looked at: no name that is left out covers that."""


def form_of(name: str, *, is_run: bool) -> str:
    """What the name promises: `safetensors`, `onnx`, `npy`, `npz`, `json`, `text`, `code`, or "" for nothing that comes
    in.
    """
    last = name.rpartition("/")[2]
    ending = "." + last.rpartition(".")[2].lower() if "." in last else ""
    if ending in CODE:
        return "code"
    if ending in (SAFETENSORS, ONNX, NPY, NPZ):
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
                "forms": [SAFETENSORS, ONNX, NPY, NPZ, list(TEXTS), sorted(BARE), list(RECORDS)],
                "limits": [MAX_HEADER, MAX_FILES, MAX_BYTES, MAX_RECORD],
                "what": "import",
                "v": 2,
            }
        )
    )
