"""train.jail.featured, fields, making and the judge's part: features of a row are its own, or nobody trains on them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

from lockgate.contract.spec import FIELDS_KEY, ContractField, FieldTable
from lockgate.core.digest import digest_of
from lockgate.core.encoding import decode, encode
from lockgate.errors import Refused
from lockgate.runtime import serving
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.store.blobs import BlobStore
from lockgate.train import featuring
from lockgate.train.jail import apart, featured, fields, fit, frame, judge, making, users_code
from lockgate.train.jail.doubted import PLACE
from lockgate.train.spec import Closure, CodeFile, TrainSpec
from tests.support.training import parquet, rows

OWN = """
import pandas as pd
def features(batch):
    hour = batch["when"] // 3_600_000_000 % 24
    return pd.DataFrame({"hour": hour, "where": batch["town"] + "!", "age": batch["age"] / 3, "sunny": batch["sunny"]})
"""
FUNCTION = "features.py:features"


@pytest.fixture(name="job", autouse=True)
def _job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The captured code, in a process that plays the jail."""
    job = tmp_path / "job"
    job.mkdir()
    monkeypatch.setattr(users_code, "JOB", job)
    monkeypatch.setattr(featured, "place", lambda _path: tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("LOCKGATE_DATA", str(tmp_path))
    known = set(sys.modules)
    yield job
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(job)):
            del sys.modules[name]


def _rows(count: int = 300) -> frame.Rows:
    table = rows(count)
    table.loc[5, "town"] = None
    table["age"] = table["age"].astype("Int64")
    table.loc[7, "age"] = pd.NA
    return frame.from_table(pq.read_table(io.BytesIO(parquet(table, "late"))), "late")


def _asked(job: Path, code: str) -> frame.Rows:
    (job / "features.py").write_text(code)
    return featured.compared(_rows(), FUNCTION)


def _refused(job: Path, code: str) -> Refused:
    with pytest.raises(Refused) as caught:
        _asked(job, code)
    return caught.value


def test_rows_become_rows_of_features(job: Path) -> None:
    """The model's columns are those of the function; what a record gives stays known, and goes into io.json."""
    made = _asked(job, OWN)
    assert dict(made.kinds) == {"hour": "int", "where": "string", "age": "float", "sunny": "bool"}
    assert list(made.data.columns) == ["hour", "where", "age", "sunny", "late"]
    assert made.data["where"].iloc[5] == "!"
    assert (dict(made.fields), made.nullable) == (dict(_rows().kinds), ("age",))
    assert made.cost is not None
    assert (made.cost["function"], made.cost["columns"]) == (FUNCTION, 4)
    assert 0 < made.cost["batch_us"] < made.cost["single_us"]
    plain = ServingSpec(
        "binary", "late", (False, True), (Field("age", "float"),), (Input("X", ("age",), "float32"),), "l", "s", None
    )
    served = made.served(plain)
    assert served.features == made.features
    assert [field.name for field in served.fields] == ["when", "town", "age", "sunny"]
    assert _rows().served(plain) == plain


def test_a_model_of_features_is_written_with_what_makes_them(job: Path) -> None:
    """io.json says what a record gives and what is made of it; fit.json what that costs; parity is of the features."""
    made = _asked(job, OWN)
    model = LogisticRegression().fit(made.data[["hour", "sunny"]], made.data["late"])
    files = fit.finish(model, made, {"task": "auto", "parity": 0.0, "out": 1 << 30})
    spec = serving.parse(files["io.json"])
    assert spec.features == made.features
    assert [field.name for field in spec.fields] == ["when", "town", "age", "sunny"]
    assert {name for each in spec.inputs for name in each.fields} == {"hour", "sunny"}
    said = decode(files["fit.json"])
    assert (said["featured"], said["parity"]["rows"]) == (made.cost, 300)


def test_without_a_function_rows_are_what_they_were() -> None:
    """Nothing is imported, nothing is asked."""
    found = _rows()
    assert featured.rows_of(found, "") is found
    assert featured.compared(found, "") is found


@pytest.mark.parametrize(
    ("made", "column"),
    [
        ('batch["age"] - batch["age"].mean()', "made"),
        ('batch["age"].rank()', "made"),
        ('batch["town"].astype("category").cat.codes', "made"),
        ('batch["age"].fillna(batch["age"].median())', "made"),
        ("range(len(batch))", "made"),
        ('batch["age"].shift(1)', "made"),
        ("__import__('random').random()", "made"),
        ("len(calls)", "made"),
        ('batch["town"].mode()[0]', "made"),
        ('batch["age"] * (1 + 1e-8 * len(batch))', "made"),
    ],
)
def test_what_looks_at_other_rows_is_refused_before_training(job: Path, made: str, column: str) -> None:
    """A batch's statistics, the neighbours, chance, memory: with the column, the row and both values."""
    code = f"calls = []\ndef features(batch):\n    calls.append(1)\n    return batch.assign(made={made})[['made']]\n"
    error = _refused(job, code)
    assert (error.finding, error.seen["column"]) == ("LG393", column)
    assert error.seen["among_all"] != error.seen["again"]
    assert isinstance(error.seen["row"], int)


def test_one_row_in_three_hundred_is_found_where_it_has_no_value(job: Path) -> None:
    """Rows with nulls and extremes are asked for, wherever they lie."""
    code = "def features(batch):\n    return batch.assign(made=batch['age'].isna())[['made']]\n"
    assert set(_asked(job, code).kinds) == {"made"}
    sys.modules.pop("features")
    assert _refused(job, code.replace("isna())", "isna() & (len(batch) > 1))")).seen["row"] == 7


def test_another_order_of_adding_is_no_other_feature(job: Path) -> None:
    """The last digits of a float may depend on how many rows are computed together."""
    code = "def features(batch):\n    return batch.assign(made=batch['age'] / 7 * (1 + 1e-13 * len(batch)))[['made']]\n"
    assert dict(_asked(job, code).kinds) == {"made": "float"}


@pytest.mark.parametrize(
    ("code", "finding", "words"),
    [
        ("", "LG390", "no function 'features'"),
        ("features = 3", "LG390", "no function 'features'"),
        ("def features(batch):\n    return batch['age']", "LG392", "Series"),
        ("def features(batch):\n    return batch.sort_values('town')", "LG392", "another order"),
        ("def features(batch):\n    return batch.dropna()", "LG392", "299 rows for 300"),
        ("def features(batch):\n    return batch.assign(late=True)", "LG392", "label's name"),
        ("def features(batch):\n    return batch.assign(made=float('inf'))", "LG392", "not finite"),
        ("def features(batch):\n    return batch.assign(made=[[1]] * len(batch))", "LG392", "mixed"),
        ("def features(batch):\n    return batch[['age']].assign(**{str(len(batch)): 1})", "LG392", "named '300'"),
        ("def features(batch):\n    return batch if len(batch) > 1 else batch[['age']]", "LG392", "1 rows alone"),
        ("def features(batch):\n    return batch[['late']]", "LG310", "KeyError at features.py:2"),
        ("def features(batch):\n    return open('features.py').read()", "LG3130", "no such file in its jail"),
        ("import os\ndef features(batch):\n    return os.environ['LOCKGATE_DATA']", "LG310", "KeyError"),
        ("def features(batch):\n    raise SystemExit", "LG310", "SystemExit"),
    ],
)
def test_what_is_no_table_of_features_is_refused(job: Path, code: str, finding: str, words: str) -> None:
    """By name, before training: also what a served model would not have, the label, the folder, the rows' place."""
    error = _refused(job, code)
    assert (error.finding, words in error.message) == (finding, True), error.message


def test_a_file_that_is_not_captured_has_no_function() -> None:
    """Told with what is there."""
    with pytest.raises(Refused) as caught:
        featured.rows_of(_rows(), "elsewhere.py:features")
    assert caught.value.finding == "LG390"


def test_what_it_is_given_is_its_own(job: Path) -> None:
    """A function that writes into its table changes nobody's rows."""
    code = "def features(batch):\n    batch['age'] = 0\n    batch['sunny'] = 1\n    return batch"
    assert _asked(job, code).data["age"].eq(0).all()
    assert not _rows().data["age"].eq(0).all()


def test_a_slow_function_is_not_asked_for_minutes(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of the rows alone, then no more: the judge asks again."""
    monkeypatch.setattr(featured, "_LONGEST", -1.0)
    code = "calls = []\ndef features(batch):\n    calls.append(len(batch))\n    return batch"
    _asked(job, code)
    assert sys.modules["features"].calls == [300, *[1] * 20]


def test_equal_is_exact_but_for_floats() -> None:
    """A float may differ by 1e-9 of its size or of the column's; nothing else may, and null is null."""
    nan, whole = float("nan"), {"f": np.array([1e-12, 1.0, float("nan")]), "i": np.array([1, 2, 3])}
    places = np.arange(3)
    for close in ([1e-12 + 1e-11, 1 + 5e-10, nan], [1e-12, 1.0, nan]):
        assert apart.difference({"f": np.array(close), "i": whole["i"]}, whole, places, {"f"}) is None
    for other in ([1e-12, 1 + 5e-9, nan], [1e-12, 1.0, 0.0], [nan, 1.0, nan]):
        found = apart.difference({"f": np.array(other), "i": whole["i"]}, whole, places, {"f"})
        assert found is not None
        assert found.column == "f"
    found = apart.difference({"f": whole["f"], "i": np.array([1, 2, 4])}, whole, places, {"f"})
    assert found == apart.Difference("i", 2, "3", "4")
    texts = {"t": np.array(["a", "b"], object)}
    assert apart.difference({"t": np.array(["b"], object)}, texts, np.array([1]), set()) is None
    assert apart.difference({"t": np.array(["c"], object)}, texts, np.array([1]), set()) is not None


SPEC = ServingSpec(
    "binary",
    "late",
    (False, True),
    (Field("town", "string"), Field("age", "int")),
    (Input("X", ("town", "age"), "float32"),),
    "label",
    "scores",
    None,
)


def _table(*label: str) -> pa.Table:
    table = pa.table({"town": ["a", "b", None], "age": [1, 2, None], "late": [True, False, True], "odd": [1, 1, 1]})
    columns = [
        ContractField("town", "string"),
        ContractField("age", "int"),
        ContractField("late", "bool", label=True),
        ContractField("odd", "int", label="odd" in label),
    ]
    held = encode(FieldTable("Row", tuple(columns)).as_json())
    return table.replace_schema_metadata({FIELDS_KEY: held})


def test_the_label_is_taken_off_and_a_sample_is_drawn() -> None:
    """Only the fields of io.json; places that say which rows they are; the schema carries nothing else."""
    whole, sample = fields.parted(_table(), SPEC.encode(), "late")
    assert (whole.column_names, whole.num_rows) == (["town", "age"], 3)
    assert not whole.schema.metadata
    assert sample.column_names == ["town", "age", PLACE]
    places: Any = sample.column(PLACE).to_pylist()
    assert sorted(places) == [0, 1, 2]
    assert sample.column("town").to_pylist() == [["a", "b", None][place] for place in places]


def test_nobody_can_foresee_the_sample() -> None:
    """Code that knew which rows are asked for again could be honest about these alone."""
    large = pa.concat_tables([_table()] * 400)
    drawn = [fields.parted(large, SPEC.encode(), "late")[1].column(PLACE).to_pylist() for _ in range(2)]
    assert [len(set(each)) for each in drawn] == [fields.MOST_SAMPLED] * 2
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("spec", "label"),
    [
        ({"label": "odd", "fields": ("town", "age", "late")}, ""),
        ({"fields": ("town", "age", "odd")}, "odd"),
        ({"fields": ("town", "nobody")}, ""),
    ],
)
def test_an_io_json_that_asks_for_the_label_is_refused(spec: dict[str, Any], label: str) -> None:
    """It comes from the train jail: another label, a field that is made from it, a field that is none."""
    kinds: dict[str, Any] = {"town": "string", "late": "bool"}
    named = tuple(Field(name, kinds.get(name, "int")) for name in spec["fields"])
    inputs = (Input("X", spec["fields"], "float32"),)
    io_json = ServingSpec("binary", spec.get("label", "late"), (False, True), named, inputs, "l", "s", None).encode()
    with pytest.raises(Refused) as caught:
        fields.parted(_table(label), io_json, "late")
    assert caught.value.finding == "LG320"


def test_asked_alone_means_one_or_few_at_a_time() -> None:
    """Half of the rows one by one, the others in small batches; and otherwise all at once. Each row once."""
    alone = [part.stop - part.start for part in making.batches(200, alone=True)]
    assert (alone[:100], alone[100:]) == ([1] * 100, [2, 3, 5, 7, 16, 33, 34])
    assert list(making.batches(3, alone=False)) == [slice(0, 3)]
    assert [part.stop for part in making.batches(making.BATCH + 1, alone=False)] == [making.BATCH, making.BATCH + 1]


def test_the_judge_reads_what_was_made_and_no_more(job: Path) -> None:
    """What the jail with the user's code wrote is of io.json's columns and kinds, finite, or it is not judged."""
    made = _asked(job, OWN)
    spec = made.served(SPEC)
    stored = making.stored(made.columns(), spec)
    found = frame.features_of(stored, spec)
    assert {name: values.tolist() for name, values in found.items() if name != "age"} == {
        name: values.tolist() for name, values in made.columns().items() if name != "age"
    }
    broken = {
        "other columns": stored.drop_columns(["hour"]),
        "'hour' is string": stored.set_column(0, "hour", pa.array(["1"] * 300)),
        "'hour' is int64": stored.set_column(0, "hour", pa.array([None, *[1] * 299], pa.int64())),
        "'age' is not finite": stored.set_column(2, "age", pa.array([float("inf")] * 300)),
    }
    for why, table in broken.items():
        with pytest.raises(ValueError, match=why):
            frame.features_of(table, spec)


def test_the_judge_refuses_features_that_differ_alone(job: Path) -> None:
    """A held-out row that is another one when it is asked for alone: named by column and place, not by value."""
    made = _asked(job, OWN)
    whole, places = made.columns(), np.array([8, 3])
    assert made.features is not None
    alone = {name: values[places] for name, values in whole.items()}
    judge.check_apart(made.features, whole, alone, places)
    alone["where"] = np.array([whole["where"][8], "elsewhere"], object)
    with pytest.raises(Refused) as caught:
        judge.check_apart(made.features, whole, alone, places)
    assert (caught.value.finding, caught.value.seen) == ("LG393", {"column": "where", "row": 3})
    assert "elsewhere" not in caught.value.message


@pytest.mark.parametrize(
    ("chosen", "code", "function"),
    [
        ("auto", {"features.py": b"def features(batch): ..."}, FUNCTION),
        ("auto", {"features.py": b"x = 1\nasync def features(batch): ..."}, FUNCTION),
        ("auto", {"features.py": b"features = print"}, FUNCTION),
        ("auto", {"features.py": b"from lib import features_of\n# def features\n  def features(): ..."}, ""),
        ("auto", {"lib/features.py": b"def features(batch): ..."}, ""),
        ("auto", {"train.py": b"def features(batch): ..."}, ""),
        ("none", {"features.py": b"def features(batch): ..."}, ""),
        ("", {"features.py": b"def features(batch): ..."}, ""),
        ("lib/make.py:made", {"lib/make.py": b""}, "lib/make.py:made"),
        ("lib/make.py:made", {"make.py": b""}, None),
    ],
)
def test_which_function_it_is_follows_from_the_captured_code(
    tmp_path: Path, chosen: str, code: dict[str, bytes], function: str | None
) -> None:
    """By name, or because features.py defines one; what is named and not there is refused."""
    store = BlobStore(tmp_path / "data", tmp_path / "tmp")
    closure = Closure(tuple(CodeFile(name, store.put(data), len(data)) for name, data in code.items()))
    assert all(file.digest == digest_of(code[file.name]) for file in closure.files)
    spec = TrainSpec("late", features=chosen)
    with pytest.raises(Refused, match="captured code") if function is None else nullcontext():
        found = featuring.resolved(spec, closure, store)
        assert found.features == function
        assert found.external().get("features", "") == function
        assert found.named == (*spec.always, "train.py", *([function.partition(":")[0]] if function else []))
