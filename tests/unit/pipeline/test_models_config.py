"""`[model.NAME]` of lockgate.toml: what a model says, what it takes from the project, what is refused and where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.config import Config, read_config
from lockgate.errors import Usage
from lockgate.project import Project

ONE = """[project]
name = "flights"
description = "all flights"
[data]
sources = ["a.csv"]
contract = "contract.py:Flight"
label = "late"
stores."s3://a/" = { region = "x", most = "1 GiB" }
[train]
holdout = 0.3
params = { depth = 3, rate = 0.1 }
[[input]]
name = "airports.csv"
source = "airports.csv"
sha256 = "1111111111111111111111111111111111111111111111111111111111111111"
"""
SEVERAL = (
    ONE
    + """
[model.late]
[model.minutes]
description = "by how much"
[model.minutes.data]
label = "minutes"
sensitive = ["tail"]
stores."s3://b/" = {}
[model.minutes.train]
params = { depth = 5 }
gpu = true
[[model.minutes.input]]
name = "weather.csv"
source = "weather.csv"
sha256 = "2222222222222222222222222222222222222222222222222222222222222222"
"""
)


def _refused(text: str) -> str:
    with pytest.raises(Usage) as caught:
        read_config(text)
    assert caught.value.finding == "LG942"
    return caught.value.message


def test_a_project_without_models_is_its_one_model() -> None:
    """Its name is the model's, by which it may be asked for; nothing else changes."""
    config = read_config(ONE)
    assert (config.name, config.project, config.models) == ("flights", "flights", {})
    assert config.of("flights") is config.only() is config


def test_a_model_that_says_nothing_is_the_project_under_another_name() -> None:
    """Every table, every key."""
    late = read_config(SEVERAL).of("late")
    assert late == replace(read_config(ONE), name="late")


def test_what_a_model_says_counts_and_the_rest_is_the_projects() -> None:
    """Key by key; tables of names are joined by name, and inputs are taken whole."""
    minutes = read_config(SEVERAL).of("minutes")
    assert (minutes.name, minutes.project, minutes.description) == ("minutes", "flights", "by how much")
    assert (minutes.data.label, minutes.data.sources, minutes.data.sensitive) == ("minutes", ("a.csv",), ("tail",))
    assert minutes.train.params == {"depth": 5, "rate": 0.1}
    assert (minutes.train.gpu, minutes.train.holdout) == (True, 0.3)
    assert [(name, one["region"]) for name, one in minutes.data.stores.items()] == [("s3://a/", "x"), ("s3://b/", "")]
    assert [one.name for one in minutes.inputs] == ["weather.csv"]


def test_models_may_say_all_that_the_project_leaves_open() -> None:
    """Then the project alone is no model: whoever works on it without saying which is refused."""
    config = read_config('[project]\nname = "all"\n[model.a.data]\nsources = ["a"]\ncontract = "c.py:C"\nlabel = "x"\n')
    assert (config.of("a").name, config.of("a").project, config.of("a").only().data.label) == ("a", "all", "x")
    with pytest.raises(Usage) as caught:
        config.only()
    assert caught.value.finding == "LG973"


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    """The project's own name too, where its models bear others."""
    config = read_config(SEVERAL)
    wrong = {"minuets": "did you mean minutes?", "other": "no model called other", "flights": "flights has no table"}
    for name, words in wrong.items():
        with pytest.raises(Usage, match=words.replace("?", r"\?")) as caught:
            config.of(name)
        assert caught.value.finding == "LG972"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SEVERAL.replace('label = "late"\n', ""), ["toml:16: neither [data] nor [model.late.data] says label"]),
        (SEVERAL + "[model.third.train]\nholdout = 0.95\n", ["lockgate.toml:32: train.holdout expects"]),
        (SEVERAL + "[model.third.train]\nholdot = 0.5\n", ["toml:32", "mean model.third.train.holdout?"]),
        (SEVERAL + "[model.third.serve]\nport = 1\n", ["toml:31: unknown key model.third.serve: known here"]),
        (SEVERAL + "[model.Third]\n", ["lockgate.toml:31: Third cannot name a model"]),
        (SEVERAL + "[model.latest]\n", ["latest cannot name a model"]),
        (SEVERAL + '[[model.minutes.input]]\nname = "weather.csv"\nsource = "b"\nsha256 = "' + "3" * 64 + '"\n',
         ["lockgate.toml:32: two inputs are called weather.csv"]),
        (SEVERAL + "[model.third.train]\ntime = 5\n", ["toml:32: model.third.train.time expects a time"]),
        ("model = 1\n" + ONE, ["model is a table, not 1"]),
        ("model.late = 1\n" + ONE, ["model.late is a table, not 1"]),
        (ONE.replace('label = "late"\n', ""), ["data.label is missing"]),
    ],
)  # fmt: skip
def test_a_flaw_is_named_with_its_line(text: str, words: list[str]) -> None:
    """Where the person wrote it: in the model's table, or in the project's."""
    said = _refused(text)
    assert [word for word in words if word not in said] == []


def test_a_secret_in_a_models_table_is_refused_and_not_quoted() -> None:
    """As in the project's own."""
    with pytest.raises(Usage) as caught:
        read_config(SEVERAL + '[model.third.data.stores."s3://c/"]\nsecret = "hunter2"\n')
    assert (caught.value.finding, "hunter2" in str(caught.value.as_json())) == ("LG124", False)


def test_a_project_at_work_on_one_model_has_its_settings(tmp_path: Path) -> None:
    """`each` in the order of the file; `one` only where it is clear which; both refuse what is no model."""
    (tmp_path / "lockgate.toml").write_text(SEVERAL, encoding="utf-8")
    project = Project.open(tmp_path)
    assert [one.config.name for one in project.each()] == ["late", "minutes"]
    assert [one.config.name for one in project.each("minutes")] == ["minutes"]
    assert project.one("minutes").each()[0].config.name == "minutes"
    for wrong, finding in (("", "LG973"), ("minuets", "LG972")):
        with pytest.raises(Usage) as caught:
            project.one(wrong)
        assert caught.value.finding == finding
    (tmp_path / "lockgate.toml").write_text(ONE, encoding="utf-8")
    alone = Project.open(tmp_path)
    assert alone.each() == (alone,)
    assert ("flights", Config) == (alone.one("flights").config.name, type(alone.one().config))
