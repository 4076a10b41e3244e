"""Which file of an MLflow folder is the model: what MLmodel names, and nothing that leads out of the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.errors import Usage
from lockgate.project.mlflow_folder import model_in

SKLEARN = """artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.sklearn
    model_path: model.pkl
  sklearn:
    pickled_model: model.pkl
    sklearn_version: 1.9.1
mlflow_version: 2.22.0
run_id: 373d312ed5e541a799bf4a496dc9a291
"""
WALK = Path(__file__).resolve().parents[3] / "examples" / "walks" / "mlflow" / "before" / "mlruns"


def described(folder: Path, text: str = SKLEARN, file: str = "model.pkl") -> Path:
    """A logged model."""
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text(text)
    if file:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"x")
    return folder


@pytest.mark.parametrize("asked", ["1/run/artifacts/model", "1/run", "1", "."])
def test_the_model_of_mlflow_2_is_found_from_wherever_one_stands(tmp_path: Path, asked: str) -> None:
    """The model's folder, its run, the experiment, all of `mlruns`; what MLmodel says beside it is told."""
    folder = described(tmp_path / "1" / "run" / "artifacts" / "model")
    found = model_in(tmp_path / asked)
    assert found.file == folder / "model.pkl"
    assert (
        found.line()
        == "MLmodel names model.pkl (run 373d312ed5e541a799bf4a496dc9a291, mlflow 2.22.0, scikit-learn 1.9.1)"
    )


def test_the_run_that_mlflow_3_wrote_is_found_too() -> None:
    """A real one: the run names its model, which lies beside all runs."""
    (experiment,) = [path for path in WALK.iterdir() if path.is_dir()]
    (run,) = [path for path in experiment.iterdir() if (path / "outputs").is_dir()]
    (model,) = (experiment / "models").iterdir()
    for asked in (WALK, experiment, run, model / "artifacts"):
        assert model_in(asked).file == model / "artifacts" / "model.pkl"


@pytest.mark.parametrize(
    ("flavour", "file"), [("data: data/model.pth", "data/model.pth"), ("model_data: model.keras", "model.keras")]
)
def test_other_flavours_name_their_file(tmp_path: Path, flavour: str, file: str) -> None:
    """Below the folder, too."""
    folder = described(tmp_path / "model", f"flavors:\n  x:\n    {flavour}\n", file)
    assert model_in(folder).file == folder / file


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "model_path: ../secret",
        "model_path: data/../../secret",
        "model_path: /etc/passwd",
        "model_path: gone.pkl",
    ],
)
def test_a_name_that_leads_elsewhere_is_not_followed(tmp_path: Path, text: str) -> None:
    """LG9050, with the folder to look into."""
    (tmp_path / "secret").write_text("")
    folder = described(tmp_path / "model", text)
    (folder / "data").mkdir()
    with pytest.raises(Usage, match="names no file") as caught:
        model_in(folder)
    assert (caught.value.finding, f"lockgate scan {folder}" in caught.value.next) == ("LG9050", True)


def test_no_model_and_several_are_told(tmp_path: Path) -> None:
    """An ordinary folder is no MLflow model; of several nobody guesses which."""
    with pytest.raises(Usage, match="no MLflow model") as caught:
        model_in(tmp_path)
    assert caught.value.finding == "LG9050"
    first = described(tmp_path / "artifacts" / "a")
    assert model_in(tmp_path).file == first / "model.pkl"
    described(tmp_path / "artifacts" / "b")
    with pytest.raises(Usage, match="holds 2 models") as caught:
        model_in(tmp_path)
    assert (caught.value.finding, caught.value.next) == ("LG9051", f"the same command with {first}")
