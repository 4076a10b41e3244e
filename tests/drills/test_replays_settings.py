"""What a twin takes over of settings and policy, and what it leaves out by name."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.config import read_config
from lockgate.drills.replays.settings import Taken, chosen, twin_policy, twin_settings
from lockgate.trust.policy import Policy, default_policy

ONE = """[project]
name = "churn"   # a comment that stays

[data]
sources = ["data/churn.csv"]
contract = "contract.py:Customer"
label = "left"
"""
SEVERAL = """[project]
name = "shop"
description = "all"

[data]
contract = "contract.py:Row"
delimiter = ";"
pins = { "a.csv" = "aa" }

[train.params]
depth = 3
rate = 0.5

[model.churn]
description = "who leaves"
[model.churn.data]
sources = ["a.csv"]
label = "left"
[model.churn.train.params]
depth = 5

[model.fraud.data]
sources = ["b.csv"]
label = "fraud"
"""
OUTSIDE = """
[serve]
max_rows = 10
redis = "redis://cache"
gateways = 4

[serve.tls]
certificate = "a.pem"
key = "b.pem"

[data.databases.bank]
url = "cmd:print-a-secret"

[log]
listen = "0.0.0.0:9443"

[monitor]
webhook = "https://pager.example/alarm"
site = "shop"
"""
POLICY = """version = 7

[environment.dev]
enforce = "warn"

[environment.prod]
approvals = 2
separation = "enforce"
min_witnesses = 1
signers = { train = ["ci"] }

[environment.prod.metrics]
roc_auc = { min = 0.9 }

[environment.prod.monitor]
webhooks = ["https://pager.example/"]

[witness."one.example/w"]
key = "one.example/w+6d5c0b4d+BAwnnTSvoV1ZkSjdrW6YvzCaFSVCLJzkMn8iyGqKvFeD"
"""


def test_a_project_that_a_twin_can_have_whole_is_taken_over_to_the_byte() -> None:
    """The twin drills what is in force, not a paraphrase of it."""
    assert _both(twin_settings(ONE, "")) == (ONE, ())
    assert (default_policy(), ()) == _both(twin_policy(default_policy(), cut=False))


def test_one_of_several_models_is_a_project_of_its_own() -> None:
    """Its settings are those that Lockgate reads for this model, and the others are named as left out."""
    found = twin_settings(SEVERAL.replace('"aa"', f'"{"a" * 64}"'), "churn")

    whole = read_config(SEVERAL.replace('"aa"', f'"{"a" * 64}"')).of("churn")
    alone = read_config(found.text)
    assert found.left_out == ("lockgate.toml [model.fraud]",)
    assert (alone.name, alone.description) == ("churn", "who leaves")
    assert (whole.data, whole.train) == (alone.data, alone.train)
    assert dict(alone.train.params) == {"depth": 5, "rate": 0.5}


def test_rows_of_a_sample_stand_in_for_the_sources() -> None:
    """No pin, store or database of the sources is left, for none is asked; how cells are read stays."""
    text = ONE.replace('label = "left"', f'label = "left"\ndelimiter = ";"\npins = {{ "x.csv" = "{"a" * 64}" }}')

    found = twin_settings(text, "", sources=("drill-data/*",))

    data = read_config(found.text).data
    assert (data.sources, data.delimiter, dict(data.pins)) == (("drill-data/*",), ";", {})
    assert found.left_out == ("lockgate.toml [data] sources", "lockgate.toml [data] pins")


def test_nothing_outside_hears_of_a_twin() -> None:
    """No webhook, no shared limits, no port for others' records; what is the model's own stays."""
    found = twin_settings(ONE + OUTSIDE, "")

    values = tomllib.loads(found.text)
    assert (values["serve"], values["monitor"]) == ({"max_rows": 10}, {"site": "shop"})
    assert "log" not in values
    assert "cmd:" not in found.text
    assert len(found.left_out) == 6


def test_a_policy_that_asks_for_other_people_is_weakened_by_name() -> None:
    """One person holds all keys of a twin: what asks for more is left out, each named; the rest is as it was."""
    found = twin_policy(POLICY, cut=False)

    policy, prod = Policy.from_text(found.text), Policy.from_text(found.text).environment("prod")
    assert (policy.version, prod.approvals, prod.separation, prod.signers, prod.min_witnesses) == (7, 1, "warn", {}, 0)
    assert tomllib.loads(found.text)["environment"]["prod"]["metrics"]["roc_auc"] == {"min": 0.9}
    assert {
        "policy.toml [witness]",
        "policy.toml [environment.prod] signers",
        "policy.toml [environment.prod] min_witnesses",
        "policy.toml [environment.prod] approvals = 2, in it 1",
        'policy.toml [environment.prod] separation = "enforce", in it "warn"',
        "policy.toml [environment.prod.monitor] webhooks",
    } == set(found.left_out)


def test_a_model_of_fewer_rows_is_not_held_to_figures_of_all_rows() -> None:
    """Bounds on metrics are left out where rows were cut, and only there."""
    found = twin_policy(POLICY, cut=True)

    assert Policy.from_text(found.text).environment("prod").metrics == {}
    assert "policy.toml [environment.prod] metrics" in found.left_out


@pytest.mark.parametrize(
    ("names", "strict", "expected"),
    [
        (("dev", "prod"), "", ("dev", "prod")),
        (("dev", "staging", "prod"), "staging", ("dev", "staging")),
        (("live",), "", ("live", "live")),
        (("dev", "live"), "", ("dev", "live")),
    ],
)
def test_the_environments_are_those_that_ask_for_least_and_for_most(
    names: tuple[str, ...], strict: str, expected: tuple[str, str]
) -> None:
    """`dev` and `prod` where there are such; else by what they enforce."""
    policy = Policy.from_text("version = 1\n" + "".join(f"[environment.{name}]\n" for name in names))

    assert expected == chosen(policy.environments, strict)


_PLAIN = st.one_of(
    st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text(), st.dates(), st.just([])
)
_VALUES = st.recursive(
    _PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(min_size=1), inner, max_size=3)),
    max_leaves=8,
)


@given(params=st.dictionaries(st.text(min_size=1), _VALUES, max_size=4))
def test_what_is_written_anew_is_read_as_it_was(params: dict[str, object]) -> None:
    """Whatever a person put under `[train.params]`: only the spelling changes."""
    values = tomllib.loads(SEVERAL)

    found = twin_settings(_written(values | {"train": {"params": params}}), "churn")

    assert params | {"depth": 5} == tomllib.loads(found.text)["train"]["params"]


def _written(values: dict[str, object]) -> str:
    from lockgate.drills.replays import settings

    return settings._toml(values)


def _both(taken: Taken) -> tuple[str, tuple[str, ...]]:
    return taken.text, taken.left_out
