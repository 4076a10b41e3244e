"""kit/: alert rules and dashboard name what the gateway really exports, and say what they promise."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.watching import full_tally, metrics_of

KIT = Path(__file__).resolve().parents[2] / "kit"
PROMETHEUS = KIT / "prometheus"
RULES = PROMETHEUS / "lockgate-rules.yml"
TESTS = PROMETHEUS / "lockgate-rules.test.yml"
DASHBOARD = json.loads((KIT / "grafana" / "lockgate.json").read_text("utf-8"))
METRIC = re.compile(r"\b(?:lockgate|process)_[a-z_]+\b")
EXPORTED = {
    name
    for family in text_string_to_metric_families(metrics_of(full_tally()))
    for name in (family.name, *(one.name for one in family.samples))
}
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (apt install prometheus)"
)


def promtool(*arguments: str, cwd: Path = PROMETHEUS) -> tuple[int, str]:
    """Exit status and words."""
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def alerts() -> list[str]:
    """Names of all alerts."""
    return re.findall(r"- alert: (\w+)", RULES.read_text("utf-8"))


@needs_promtool
def test_the_rules_and_the_example_are_prometheus_own(tmp_path: Path) -> None:
    """Accepted are the rules, and the example configuration once its key is where it says."""
    code, words = promtool("check", "rules", RULES.name)
    assert (code, f"{len(alerts())} rules found" in words) == (0, True), words
    for path in (RULES, PROMETHEUS / "prometheus.yml"):
        shutil.copy(path, tmp_path)
    code, words = promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    assert (code, "lockgate.key" in words) == (1, True), words
    (tmp_path / "lockgate.key").write_text("lgk_x")
    assert promtool("check", "config", "prometheus.yml", cwd=tmp_path)[0] == 0


@needs_promtool
def test_each_alert_fires_when_it_should_and_not_before() -> None:
    """By promtool's own unit tests: one series that fires for each alert, and one gateway just below all thresholds."""
    code, words = promtool("test", "rules", TESTS.name)
    assert code == 0, words
    assert sorted(alerts()) == sorted(set(re.findall(r'alertname="(\w+)"', TESTS.read_text("utf-8"))))


@needs_promtool
@pytest.mark.parametrize(
    ("is_now", "would_be"),
    [
        ("lockgate_ready == 0", "lockgate_ready == 7"),
        ("increase(lockgate_unrecorded_rows_total[15m]) > 0", "lockgate_unrecorded_rows_total > 0"),
    ],
)
def test_a_rule_that_says_something_else_is_noticed(tmp_path: Path, is_now: str, would_be: str) -> None:
    """An alert that never fires, one that fires for what is long past: promtool's tests fail."""
    text = RULES.read_text("utf-8")
    assert text.count(is_now) == 1
    (tmp_path / RULES.name).write_text(text.replace(is_now, would_be))
    shutil.copy(TESTS, tmp_path)
    assert promtool("test", "rules", TESTS.name, cwd=tmp_path)[0] != 0


def test_the_rules_name_only_what_is_exported() -> None:
    """A rule about a metric that nobody exports is a rule that never fires."""
    rules = re.findall(r"expr: ((?:.|\n)*?)(?=\n +(?:for|labels):)", RULES.read_text("utf-8"))
    named = {name for rule in rules for name in METRIC.findall(rule)}
    assert named - EXPORTED == set()
    assert len(named) > 12


def expressions(value: Any) -> list[str]:
    """Every query of the dashboard, of panels and of variables."""
    found = [target["expr"] for panel in value["panels"] for target in panel["targets"]]
    return found + [one["query"]["query"] for one in value["templating"]["list"] if one["type"] == "query"]


def test_the_dashboard_names_only_what_is_exported() -> None:
    """A panel about a metric that nobody exports stays empty for ever."""
    named = {name for text in expressions(DASHBOARD) for name in METRIC.findall(text)}
    assert named - EXPORTED == set()
    assert len(named) > 20


def test_the_dashboard_is_whole_and_its_own() -> None:
    """Ids are unique, panels do not overlap, the data source is a variable, and nothing comes from elsewhere."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert (len(set(cells)), max(x for x, _ in cells)) == (len(cells), 23)
    sources = {part["datasource"]["uid"] for panel in panels for part in (panel, *panel["targets"])}
    assert sources == {"${datasource}"}
    assert re.findall(r"https?://|//[a-z]|<script|<img", json.dumps(DASHBOARD)) == []
    assert {panel["type"] for panel in panels} == {"stat", "timeseries"}
