"""`/metrics`: what is written is what was counted, as other people's parsers read it."""

from __future__ import annotations

import dataclasses
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lockgate.serve.calls.metrics import GAUGES, ROWS, SOON, Metrics
from lockgate.serve.spec import Caps, Served
from lockgate.serve.tally import Tally
from tests.support.watching import SERVED, full_tally, metrics_of

SOURCE = Path(__file__).resolve().parents[3] / "src" / "lockgate"
NOW = 1_800_000_000.0
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (apt install prometheus)"
)


def read(text: str) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """By prometheus_client: samples by name and labels, without the gateway's."""
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = frozenset((name, value) for name, value in one.labels.items() if name != "gateway")
            found.setdefault(one.name, {})[labels] = one.value
    return found


def labelled(**labels: str) -> frozenset[tuple[str, str]]:
    """Labels as `read` gives them."""
    return frozenset(labels.items())


def test_what_was_counted_is_what_another_parser_reads() -> None:
    """Each reply, refusal, row and batch is found again, in buckets that add up."""
    tally = Tally()
    for seconds in (0.0005, 0.002, 0.002, 99.0):
        tally.replied("predict", 200, seconds)
    tally.replied("infer", 422, 0.01)
    tally.refused["LG609"] += 3
    tally.rows.update({"plan": 7, "pydantic": 2})
    tally.batches.add(5)
    tally.lost["model"] += 1
    found = read(metrics_of(tally))
    assert found["lockgate_requests_total"] == {
        labelled(call="predict", status="200"): 4,
        labelled(call="infer", status="422"): 1,
    }
    buckets = found["lockgate_request_duration_seconds_bucket"]
    assert [buckets[labelled(call="predict", le=le)] for le in ("0.001", "0.0025", "10.0", "+Inf")] == [1, 3, 3, 4]
    assert found["lockgate_request_duration_seconds_count"][labelled(call="predict")] == 4
    assert found["lockgate_request_duration_seconds_sum"][labelled(call="predict")] == pytest.approx(99.0045)
    assert found["lockgate_refusals_total"] == {labelled(finding="LG609"): 3}
    assert found["lockgate_contract_rows_total"] == {labelled(path="plan"): 7, labelled(path="pydantic"): 2}
    assert found["lockgate_batch_rows_sum"] == {frozenset(): 5}
    assert found["lockgate_workers_lost_total"] == {labelled(kind="contract"): 0, labelled(kind="model"): 1}


def test_what_never_happened_stands_at_zero() -> None:
    """A counter that appears with its first event hides that event from `increase`: ours are there from the start."""
    found = read(metrics_of(Tally()))
    assert found["lockgate_unrecorded_rows_total"] == {frozenset(): 0}
    assert found["lockgate_workers_lost_total"][labelled(kind="model")] == 0
    assert found["lockgate_contract_rows_total"][labelled(path="pydantic")] == 0


def test_readiness_and_the_live_model_are_told() -> None:
    """Nothing live: not ready, and no model. Something live: its name, version, digest, environment and rung."""
    assert read(metrics_of(Tally(), served=None))["lockgate_ready"] == {frozenset(): 0}
    assert "lockgate_model_info" not in read(metrics_of(Tally(), served=None))
    found = read(metrics_of(Tally(), served=SERVED))
    assert found["lockgate_ready"] == {frozenset(): 1}
    assert list(found["lockgate_model_info"]) == [
        labelled(name="flights", version="3", digest=SERVED.manifest, environment="prod", rung="live")
    ]


def test_keys_are_counted_by_when_they_end() -> None:
    """One without an end, one far off, one within 30 days, one that ended: three may be used, one ends soon."""
    tally = Tally(keys=[math.inf, NOW + SOON + 1, NOW + SOON - 1, NOW - 1], ends={"tls": NOW + 5})
    found = read(Metrics(tally, served=lambda: None, caps=Caps(), wall=lambda: NOW).text())
    assert found["lockgate_api_keys"] == {frozenset(): 3}
    assert found["lockgate_api_keys_expiring"] == {frozenset(): 1}
    assert found["lockgate_certificate_expiry_timestamp_seconds"] == {frozenset(): NOW + 5}


def test_gateways_on_one_port_are_told_apart() -> None:
    """Every sample bears the gateway's number: a scrape meets one of them at random."""
    text = Metrics(full_tally(), served=lambda: SERVED, caps=Caps(), wall=lambda: NOW, number=3).text()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) > 60
    assert [line for line in samples if 'gateway="3"' not in line] == []


@needs_promtool
def test_promtool_finds_nothing_to_say() -> None:
    """`promtool check metrics` has no complaint about names, units, helps and types; about others it has."""
    assert promtool(metrics_of(full_tally())) == (0, "")
    assert promtool("# TYPE requests counter\nrequests 1\n")[0] != 0


def promtool(text: str) -> tuple[int, str]:
    """Exit status and words of `promtool check metrics`."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def used(name: str) -> set[str]:
    """Keys of `tally.<name>[...]` in the code of serving."""
    places: Iterable[Path] = (SOURCE / "serve").rglob("*.py")
    return {key for place in places for key in re.findall(rf'tally\.{name}\["(\w+)"\]', place.read_text("utf-8"))}


def test_every_count_of_the_gateway_is_shown() -> None:
    """What is counted anywhere under a name that /metrics does not know would be counted for nobody."""
    assert used("rows") - set(ROWS) == set()
    assert used("now") - set(GAUGES) == set()
    assert used("rows") != set()


def test_a_candidate_is_shown_beside_what_is_live() -> None:
    """Both models by rung, and what was counted of them; without one, only what is live."""
    tally = full_tally()
    tally.ladder.update({"candidate.errors": 3, "candidate.slow.012": 9})
    beside = dataclasses.replace(SERVED, version=4, rung="canary")
    made = read(Metrics(tally, served=lambda: SERVED, caps=Caps(), wall=lambda: NOW, beside=lambda: beside).text())
    rungs = [dict(labels)["rung"] for labels in made["lockgate_model_info"]]
    assert sorted(rungs) == ["canary", "live"]
    told = {dict(labels)["what"]: value for labels, value in made["lockgate_ladder_total"].items()}
    assert (told["candidate.errors"], told["pairs.rows"], "candidate.slow.012" in told) == (3, 0, False)
    assert len(read(metrics_of(tally))["lockgate_model_info"]) == 1


def test_no_client_appears() -> None:
    """There is no label for who asked, nor for any text of a request: the labels are these, and no others."""
    names = {
        label
        for family in text_string_to_metric_families(metrics_of(full_tally()))
        for one in family.samples
        for label in one.labels
    }
    assert names == {
        "gateway", "version", "name", "digest", "environment", "rung", "call", "status", "le", "finding", "path",
        "kind", "outcome", "what", "model", "rule", "level",
    }  # fmt: skip


def test_the_library_stays_out_of_the_gateway() -> None:
    """Metrics are written without prometheus_client: its HTTP client, server and mail parser are not loaded."""
    code = (
        "import sys; from lockgate.serve.calls.metrics import Metrics; from lockgate.serve.tally import Tally\n"
        "from lockgate.serve.spec import Caps\n"
        "Metrics(Tally(), served=lambda: None, caps=Caps()).text()\n"
        "print([n for n in ('prometheus_client', 'http.server', 'urllib.request', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_served_is_read_at_the_scrape() -> None:
    """What goes live later is what a later scrape shows."""
    live: list[Served] = []
    metrics = Metrics(Tally(), served=lambda: live[0] if live else None, caps=Caps(), wall=lambda: NOW)
    assert read(metrics.text())["lockgate_ready"] == {frozenset(): 0}
    live.append(SERVED)
    assert read(metrics.text())["lockgate_ready"] == {frozenset(): 1}


def test_a_sealer_that_stands_still_is_seen_by_the_time() -> None:
    """The time moves while the log grows or nothing waits, and stands while records wait in vain."""
    tally, seen = Tally(), []
    for written, sealed, when in ((0, 0, 10.0), (5, 0, 11.0), (9, 0, 12.0), (9, 4, 13.0), (9, 4, 14.0), (9, 9, 15.0)):
        tally.sealing(written, sealed, when)
        seen.append((tally.now["unsealed_records"], tally.now["last_sealed"]))
    assert seen == [(0, 10.0), (5, 10.0), (9, 10.0), (5, 13.0), (5, 13.0), (0, 15.0)]
