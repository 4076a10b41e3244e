"""A notebook works in the project as the command line does: it is really run, by a real kernel."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import v4

from tests.support.shell import Ready

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "notebook" / "first-model.ipynb"


def executed(notebook: Any, ready: Ready, monkeypatch: pytest.MonkeyPatch, seconds: int) -> list[dict[str, Any]]:
    """The outputs of all code cells, run in the folder of `ready` as the person who owns it."""
    for name in ("config", "state"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(ready.shell.home / name))
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(ready.shell.home / name))
    monkeypatch.setitem(os.environ, "PYDEVD_DISABLE_FILE_VALIDATION", "1")
    client = NotebookClient(
        notebook, timeout=seconds, kernel_name="python3", resources={"metadata": {"path": ready.root}}
    )
    client.execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def pages(outputs: list[dict[str, Any]]) -> list[str]:
    """The HTML of each result, in order."""
    return [each["data"]["text/html"] for each in outputs if "text/html" in each.get("data", {})]


def errors(outputs: list[dict[str, Any]]) -> list[str]:
    """What a reader sees of each error."""
    return ["\n".join(each["traceback"]) for each in outputs if each["output_type"] == "error"]


def test_a_kernel_shows_pages_and_refusals(ready: Ready, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Status, a model and a refusal through a real kernel: tables for what is there, three lines for what is not."""
    cells = [
        "from lockgate import Project; project = Project.open('.'); project.status()",
        "project.show()",
        "project.show('nothing@1')",
    ]
    form: Any = v4  # nbformat has no types
    notebook = form.new_notebook(cells=[form.new_code_cell(cell) for cell in cells])
    notebook.cells[-1].metadata["tags"] = ["raises-exception"]
    outputs = executed(notebook, ready.copy(tmp_path), monkeypatch, 60)
    status, model = pages(outputs)
    assert "phishing@1" in status
    assert "<td>roc_auc</td>" in model
    (refusal,) = errors(outputs)
    assert refusal.startswith("✗ LG")
    assert "next:  lockgate models" in refusal
    assert "Traceback" not in refusal


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_the_example_notebook_goes_from_a_draft_to_a_model(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every cell runs, in order: the draft is a table and signs nothing, the run says its stages while it goes."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call] # nbformat has no types
    outputs = executed(notebook, ready.copy(tmp_path), monkeypatch, 600)
    assert len(pages(outputs)) == 6
    assert "RandomForestClassifier" in pages(outputs)[1]
    told = "".join(each["text"] for each in outputs if each.get("name") == "stderr")
    assert [stage for stage in ("ingest", "validate", "train", "register") if f"✓ {stage}" not in told] == []
    assert len(errors(outputs)) == 1


def test_the_example_notebook_holds_no_outputs() -> None:
    """What somebody's machine said is no part of the file, and no cell was run."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call] # nbformat has no types
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [cell for cell in code if cell.outputs or cell.execution_count] == []
