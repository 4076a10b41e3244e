"""train.jail.places: code that comes from somebody's own disk is told where its rows lie and where its model goes."""

from __future__ import annotations

import errno
from pathlib import Path

import pandas as pd
import pytest

from lockgate.core.catalog.all import FINDINGS
from lockgate.errors import Refused
from lockgate.runtime.serving import Input
from lockgate.train.jail import hints, places, users_code
from lockgate.train.jail.exporters import labelled, torch_module
from lockgate.train.jail.frame import Rows
from lockgate.train.rules import FIT_FINDINGS

AT = " at fit_pumps.py:13"


def _missing(name: str = "train.csv") -> OSError:
    return FileNotFoundError(errno.ENOENT, "No such file or directory", name)


def _read_only(name: str = "model.joblib") -> OSError:
    return OSError(errno.EROFS, "Read-only file system", name)


def test_a_script_that_reads_its_own_rows_is_told_both_places() -> None:
    """LG3130 names file and line, where the rows lie, and where the model goes: all lines to change, at once."""
    refused = places.refused(_missing(), AT, script=True)
    assert refused is not None
    assert refused.finding == "LG3130"
    assert refused.message == (
        "the training code reads 'train.csv' at fit_pumps.py:13, and there is no such file in its jail"
    )
    assert refused.seen == {"file": "train.csv", "at": "fit_pumps.py:13"}
    assert 'os.environ["LOCKGATE_DATA"] + "/train.parquet"' in refused.next
    assert 'os.environ["LOCKGATE_OUT"] + "/model.joblib"' in refused.next


def test_a_script_in_the_place_of_a_function_is_told_how_to_be_one() -> None:
    """Called as a function it is told of `data`, and of the one line of lockgate.toml, with the file's own name."""
    refused = places.refused(_missing(), AT, script=False)
    assert refused is not None
    assert "data that train(data, params) is given" in refused.next
    assert 'script = "fit_pumps.py"' in refused.next


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("model.joblib", "model.joblib"),
        ("out/pumps.txt", "model.txt"),
        ("best.ubj", "model.ubj"),
        ("a.pkl", "model.joblib"),
    ],
)
def test_a_model_written_beside_the_code_is_sent_to_the_door(name: str, model: str) -> None:
    """LG3131: the place, and the name by which a model of this form is known."""
    refused = places.refused(_read_only(name), AT, script=True)
    assert refused is not None
    assert (refused.finding, refused.seen["file"]) == ("LG3131", name)
    assert f'os.environ["LOCKGATE_OUT"] + "/{model}"' in refused.next
    function = places.refused(_read_only(name), AT, script=False)
    assert function is not None
    assert "return the fitted model from train()" in function.next


@pytest.mark.parametrize(
    "error",
    [KeyError("train.csv"), OSError(errno.ENOSPC, "No space left", "x"), PermissionError(errno.EPERM, "no", "x")],
)
def test_other_errors_are_not_taken_for_it(error: BaseException) -> None:
    """A missing column is the code's own matter, a full disk a limit's."""
    assert places.refused(error, AT, script=True) is None


def test_what_was_raised_for_a_missing_file_is_one() -> None:
    """A library that wraps the error hides nothing; an error that was handled before is not its cause."""
    wrapped = ValueError("cannot read")
    wrapped.__cause__ = _missing()
    assert places.refused(wrapped, AT, script=True) is not None
    unrelated = ValueError("cannot read")
    unrelated.__context__ = _missing()
    assert places.refused(unrelated, AT, script=True) is None


def test_names_are_shown_without_what_steers_a_terminal() -> None:
    """The name is the code's word: cut, cleaned, and without the jail's own folder before it."""
    for name, shown in (("/job/data/a.csv", "data/a.csv"), (Path("b.csv"), "b.csv"), (7, "?")):
        error = OSError(errno.ENOENT, "x", name)
        refused = places.refused(error, "", script=False)
        assert refused is not None
        assert refused.seen["file"] == shown
        assert 'script = "train.py"' in refused.next
    refused = places.refused(_missing("\x1b[2J" + "x" * 500), "", script=True)
    assert refused is not None
    assert "\x1b" not in refused.message
    assert len(str(refused.seen["file"])) <= 120


@pytest.mark.parametrize("script", [True, False])
def test_the_door_to_the_users_code_says_it_without_a_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], *, script: bool
) -> None:
    """An error of pandas comes out as LG3130; any other comes with its traceback, as before."""
    with pytest.raises(Refused) as raised:
        users_code.call(lambda: pd.read_csv(tmp_path / "none.csv"), script=script)
    assert raised.value.finding == "LG3130"
    assert ("LOCKGATE_DATA" in raised.value.next) == script
    assert capfd.readouterr().err == ""
    rows: dict[str, int] = {}
    with pytest.raises(Refused) as raised:
        users_code.call(lambda: rows["price"], script=script)
    assert (raised.value.finding, raised.value.next) == ("LG310", hints.OTHERWISE)
    assert "Traceback" in capfd.readouterr().err


def test_the_launcher_takes_both_from_the_jail() -> None:
    """They are findings that a training jail may give, and each is explained."""
    assert {"LG3130", "LG3131"} <= FIT_FINDINGS
    assert all(FINDINGS[name].do for name in ("LG3130", "LG3131"))


def test_a_feature_of_the_training_code_is_told_as_a_line_of_features_py() -> None:
    """LG316 says what would be written, with the column's own name where that is one."""
    rows = Rows(pd.DataFrame({"a": [1.0], "y": [1.0]}), {"a": "float"}, "y", "float", ())
    for name, line in (("burden", "burden=..."), ("a per b", "assign(...)"), ("x" * 41, "assign(...)")):
        with pytest.raises(Refused) as raised:
            labelled.known_fields(["a", name], rows)
        assert (raised.value.finding, line in raised.value.next) == ("LG316", True)
        assert "in features.py: def features(batch)" in raised.value.next


def test_a_module_that_takes_other_fields_is_told_which_it_was_given() -> None:
    """The one line to write, and the fields that filled the matrix without it; other modules are told in general."""
    wide = tuple(f"f{number}" for number in range(9))
    said = torch_module._named_inputs((Input("X", wide, "float32"),))
    assert said.startswith("say which fields it takes, in their order: model.features = [...]")
    assert said.endswith('"f7", ...]')
    assert "LG338" in torch_module._named_inputs((Input("a", ("a",), "float32"),))
