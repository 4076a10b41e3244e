"""The page of frameworks, from the support matrix: every line of it is a test. `scripts/reference.py` writes it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TORCH = ROOT / "tests" / "support" / "matrix_torch.py"
LOCK = ROOT / "requirements" / "dev.txt"
PACKAGES = ("scikit-learn", "xgboost-cpu", "lightgbm", "onnx", "onnxruntime", "skl2onnx")
_TASKS = {"whole": "multiclass, whole numbers", "binary": "binary", "two": "two whole numbers"}


def page() -> Iterator[str]:
    """The page, paragraph by paragraph."""
    sys.path.insert(0, str(ROOT))
    from lockgate.core.catalog.all import FINDINGS
    from tests.support.matrix import EXACT, cells

    yield "# Frameworks"
    yield (
        "What `train()` may return, and what comes of it. `exact`: the graph says what the model says, within 1e-5 in "
        "each probability (of a number: relative to it) in every row that was tried, those of the fit and others, with "
        "missing values and unknown categories where the line says so. An id: refused, by that name. Each line is a "
        "test; what is not here is refused with LG338 unless it is made of what is here."
    )
    yield (
        "Graphs take a record's numbers in 64 bits, as the estimator did. Support vector machines count in 32: where "
        "that puts a row on the other side of a split, the parity check tells it apart and shows it."
    )
    versions = ", ".join(f"{name} {_locked(name)}" for name in PACKAGES)
    yield (
        f"Tried with {versions}. `xgboost` from the package index brings a package of 300 MB for graphics cards; "
        "`xgboost-cpu` is the same module without it."
    )
    everything = cells()
    for framework in dict.fromkeys(cell.framework for cell in everything):
        yield f"## {framework}"
        rows = [
            (cell.model, _TASKS.get(cell.task, cell.task), cell.data, _result(cell.result, EXACT))
            for cell in everything
            if cell.framework == framework
        ]
        yield _table(("model", "task", "data", "result"), rows)
    yield "## PyTorch and Keras"
    yield _table(("module", "task", "result"), list(_torch()))
    named = sorted({cell.result for cell in everything} - {EXACT} | {each[2] for each in _torch()} - {EXACT})
    yield "## The refusals"
    yield _table(("id", "what it says"), [(each, FINDINGS[each].title) for each in named])


def _locked(name: str) -> str:
    """The version of the tests' lock, of the oldest Python where there are several: one page for every machine."""
    found = re.search(rf"^{re.escape(name)}==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else "unknown"


def _result(result: str, exact: str) -> str:
    return result if result == exact else f"refused, {result}"


def _torch() -> Iterator[tuple[str, str, str]]:
    """Read, not imported: torch is not needed to write a page."""
    if not TORCH.exists():
        return
    for node in ast.walk(ast.parse(TORCH.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Cell":
            texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            given = {each.arg: each.value.value for each in node.keywords if isinstance(each.value, ast.Constant)}
            refused = texts[2] if len(texts) > 2 else str(given.get("refused", ""))
            yield texts[0], _TASKS.get(texts[1], texts[1]), refused or "exact"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
