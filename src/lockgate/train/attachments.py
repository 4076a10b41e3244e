"""What training wrote beside its model: plots, tables, a tracker's folder. Untrusted, and kept as such.

Such a file is stored under its digest and named in the provenance; nothing of ours ever opens it, and it is no part of
a registered model. `choose` is pure; `keep` stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lockgate.contract.findings import FINDING, clean
from lockgate.store.blobs import BlobStore
from lockgate.train.spec import Attachment, Attachments

MOST_FILES = 100
MOST_BYTES = 64 << 20
_MOST_TOLD = 50
TOOK = "took.json"
_MODELS = ("model.onnx", "model.onnx.data", "model.joblib", "model.json", "model.ubj", "model.txt")
_OURS = frozenset({*_MODELS, "io.json", "fit.json", "estimator.joblib", TOOK, FINDING})


def beside(files: Mapping[str, Path]) -> dict[str, Path]:
    """The files that are neither the model nor what describes it."""
    return {name: path for name, path in files.items() if name not in _OURS}


def took(files: Mapping[str, Path]) -> dict[str, Path]:
    """The file that says how long the user's code took, where there is one."""
    return {TOOK: files[TOOK]} if TOOK in files else {}


def choose(sizes: Mapping[str, int], skipped: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The names that are kept, in order, and what is left behind with the reason.

    `sizes`: what came out of the jail; `skipped`: what the collector did not take, such as links.
    """
    kept: list[str] = []
    left = {clean(name, 200): clean(why, 200) for name, why in sorted(skipped.items())[:_MOST_TOLD]}
    total = 0
    for name, size in sorted(sizes.items()):
        if len(kept) >= MOST_FILES or total + size > MOST_BYTES:
            why = f"more than {MOST_FILES} files" if len(kept) >= MOST_FILES else f"more than {MOST_BYTES >> 20} MiB"
            if len(left) < _MOST_TOLD:
                left[name] = why
            continue
        kept.append(name)
        total += size
    return tuple(kept), left


def keep(files: Mapping[str, Path], skipped: Mapping[str, str], store: BlobStore) -> Attachments:
    """Store what `choose` keeps of `files`, which came out of a jail; the digests are ours."""
    sizes = {name: path.stat().st_size for name, path in beside(files).items()}
    names, left = choose(sizes, skipped)
    found = []
    for name in names:
        with files[name].open("rb") as stream:
            found.append(Attachment(name, store.put(stream), sizes[name]))
    return Attachments(tuple(found), left)
