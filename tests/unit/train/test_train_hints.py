"""train.jail.hints, cores, importing: what is said of an error that everybody meets once, and what is known early."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from joblib.externals.loky.backend import context

from lockgate.errors import Refused
from lockgate.train.jail import cores, hints, importing, users_code


@pytest.mark.parametrize(
    ("error", "following"),
    [
        (
            ModuleNotFoundError("No module named 'yaml'", name="yaml"),
            "add pyyaml to requirements.in, then: lockgate lock; a module of yours: to [train] code",
        ),
        (
            ModuleNotFoundError("No module named 'catboost.core'", name="catboost.core"),
            "add catboost to requirements.in, then: lockgate lock; a module of yours: to [train] code",
        ),
        (ModuleNotFoundError("x", name="a b; rm"), hints.OTHERWISE),
        (
            AttributeError("Can only use .dt accessor with datetimelike values"),
            "in features.py: pd.to_datetime(data[NAME], unit='us').dt; a timestamp is int64 microseconds",
        ),
        (
            ValueError("Invalid classes inferred from unique values of `y`.  Expected: [0 1], got ['no' 'yes']"),
            'bool in the contract for yes and no; else VotingClassifier([("m", XGBClassifier())], voting="soft")',
        ),
        (
            TypeError("train() takes 1 positional argument but 2 were given"),
            "def train(data, params): it is called with the rows and with [train.params] of lockgate.toml",
        ),
        (KeyError("price"), hints.OTHERWISE),
    ],
)
def test_the_next_step_is_of_the_error(error: BaseException, following: str) -> None:
    """A missing package, a time taken for a time, texts given to XGBoost, no params; else the code's own matter."""
    assert hints.next_of(error) == following


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", ""),
        ("'price'", "'price'"),
        ("Input X contains NaN.\nSee the guide.", "Input X contains NaN. See the guide."),
        ("Shapes differ:\n  left\n  right\n", "Shapes differ: ... right"),
        ("Shapes differ:\n" + "x" * 101, "Shapes differ:"),
        ("y" * 400, "y" * 297 + "..."),
    ],
)
def test_the_first_line_of_an_error_is_shown(said: str, shown: str) -> None:
    """It names the matter; the last is added where it is short."""
    assert hints.shown(said) == shown


def test_joblib_is_told_the_number_that_it_would_come_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks no program and says nothing; a smaller number that was set stands."""
    monkeypatch.setattr(context, "_count_physical_cores_linux", lambda: pytest.fail("it asks"), raising=False)
    for wanted in ("1", "1000"):
        monkeypatch.setattr(context, "physical_cores_cache", None)
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", wanted)
        cores.settle()
        assert context.cpu_count(only_physical_cores=True) == context.cpu_count()


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("def train(data, params)\n    pass\n", "LG310"),
        ("import no_such_package\n", "LG310"),
        ("from json import no_such_name\n", "LG310"),
        ("def fit(data): pass\n", "LG301"),
        ("train = 3\n", "LG301"),
        ("open('/in/train.parquet')\ndef train(data, params): pass\n", None),
        ("def train(data, params): pass\n", None),
    ],
)
def test_what_can_never_be_imported_is_known_before_rows_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, finding: str | None
) -> None:
    """An error that has other causes, such as rows that are not there yet, is left to the trial."""
    (tmp_path / "early.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(users_code, "JOB", tmp_path)
    monkeypatch.setitem(sys.modules, "early", sys)  # what is loaded in its place goes away afterwards
    if finding is None:
        importing.look("early.py:train")
        return
    with pytest.raises(Refused) as raised:
        importing.look("early.py:train")
    assert raised.value.finding == finding


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("x = (\n", "LG310"),
        ("import json, no_such_package.part\n", "LG310"),
        ("from no_such_package import name\n", "LG310"),
        ("import json\ntry:\n    import no_such_package\nexcept ImportError:\n    pass\nraise SystemExit(3)\n", None),
        ("import sys\nsys.path.append('own')\nimport no_such_package\n", None),
    ],
)
def test_a_script_is_read_and_not_run(tmp_path: Path, code: str, finding: str | None) -> None:
    """What it imports at once must be there; what it may do without, or looks for elsewhere, is left to the trial."""
    (tmp_path / "script.py").write_text(code, encoding="utf-8")
    if finding is None:
        importing.read(tmp_path / "script.py")
        return
    with pytest.raises(Refused) as raised:
        users_code.call(lambda: importing.read(tmp_path / "script.py"))
    assert raised.value.finding == finding
