"""monitor.options: what `[monitor]` of lockgate.toml may say, and what is refused with file and line."""

from __future__ import annotations

import pytest

from lockgate.config import read_config
from lockgate.errors import Usage
from lockgate.monitor.spec import MonitorSpec

PROJECT = """\
[project]
name = "flights"

[data]
sources = ["a.csv"]
contract = "contract.py:Flight"
label = "late"

"""


def spec(table: str) -> MonitorSpec:
    """Of a project with this table."""
    return read_config(PROJECT + table).monitor


def test_without_a_table_the_defaults_hold() -> None:
    """All of them are those that `MonitorSpec` states."""
    assert spec("") == MonitorSpec()


def test_what_the_table_says_holds() -> None:
    """Each key."""
    said = spec(
        '[monitor]\nstrata = ["hour", "site"]\ntime = "when"\nsite = "at"\nunit = "session"\nstride = 8\nwindow = 500\n'
        'exclude = ["note"]\nmost_rows = 100\nwebhook = "https://hooks.example/a?b=c"\nwebhook_secret = "env:HOOK"\n'
    )
    assert said == MonitorSpec(
        ("hour", "site"), "when", "at", "session", 8, 500, ("note",), 100, "https://hooks.example/a?b=c", "env:HOOK"
    )


def test_hour_and_weekday_are_those_of_the_field_that_orders_the_rows() -> None:
    """`[data] time`, unless the table says another one; for a site alone no time is needed."""
    project = PROJECT.replace("[data]\n", '[data]\ntime = "left"\n')
    assert read_config(project + '[monitor]\nstrata = ["hour"]\n').monitor.time == "left"
    assert read_config(project + '[monitor]\nstrata = ["hour"]\ntime = "when"\n').monitor.time == "when"
    assert read_config(project + '[monitor]\nstrata = ["site"]\nsite = "at"\n').monitor.time == ""


def test_each_of_several_models_says_its_own() -> None:
    """What it does not say, the project's table says."""
    config = read_config(
        PROJECT
        + '[monitor]\nwindow = 500\nexclude = ["note"]\n[model.a]\n[model.b.monitor]\nexclude = ["other", "more"]\n'
    )
    assert (config.models["a"].monitor.window, config.models["a"].monitor.exclude) == (500, ("note",))
    assert (config.models["b"].monitor.window, config.models["b"].monitor.exclude) == (500, ("other", "more"))


@pytest.mark.parametrize(
    ("table", "finding", "words"),
    [
        ('strata = ["hour"]', "LG641", "needs time"),
        ('strata = ["weekday"]\nsite = "at"', "LG641", "needs time"),
        ('strata = ["site"]\ntime = "when"', "LG641", "needs site"),
        ('strata = ["site", "site"]\nsite = "at"', "LG641", "twice"),
        ('strata = ["day"]', "LG942", "strata"),
        ('unit = "client"', "LG942", "unit"),
        ("stride = 65", "LG942", "64"),
        ("window = 99", "LG942", "100"),
        ("most_rows = 0", "LG942", "1"),
        ('webhook = "ftp://hooks.example"', "LG942", "HOST/PATH"),
        ("webhok = 1", "LG942", "webhook"),
    ],
)
def test_what_cannot_be_followed_is_refused(table: str, finding: str, words: str) -> None:
    """With the line, and what to write."""
    with pytest.raises(Usage) as caught:
        spec("[monitor]\n" + table)
    assert finding == caught.value.finding
    assert words in caught.value.message
    assert caught.value.message.startswith("lockgate.toml:")


@pytest.mark.parametrize("table", ['webhook = "https://ada:hunter2@hooks.example/"', 'webhook_secret = "hunter2"'])
def test_a_secret_in_the_file_is_refused_and_not_repeated(table: str) -> None:
    """Whoever reads the message does not learn it."""
    with pytest.raises(Usage) as caught:
        spec("[monitor]\n" + table)
    assert caught.value.finding == "LG124"
    assert "hunter2" not in f"{caught.value.message} {caught.value.seen} {caught.value.next}"
