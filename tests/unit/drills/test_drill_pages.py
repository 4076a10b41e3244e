"""The pages of drills: plain, without script, saying what was not measured as loudly as what was."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lockgate.cli.main import run
from lockgate.core.stats import Interval
from lockgate.drills import evasion, evasion_html, extraction, extraction_html
from lockgate.drills.controls import Rules, Stream
from lockgate.drills.fidelity import Curve, Point
from lockgate.drills.flips import ByAttack, Tried
from lockgate.drills.plots import Line, Mark, chart
from lockgate.drills.site import Live
from lockgate.errors import Refused
from lockgate.train.jail.attacks import Trail

RULES = Rules("full", 0, 400, "limit", "off", 100.0, 2000)
CURVE = Curve(
    "natural", "full", (Point(50, Interval(0.7, 0.6, 0.8), 400.0, 0.1), Point(100, Interval(0.9, 0.8, 1.0), 800.0, 0.2))
)
STREAM = Stream(100, {"near": 40}, 60, [np.zeros(100, np.uint8)], [np.ones(100, np.float32)])
EXTRACTED = extraction.Extraction(
    "<b>m</b>@1", "dev", "binary", extraction.Wish(price=2.0), RULES, 80, 0.6, 0.9, 3, (CURVE,), {"natural": STREAM},
    extraction.Suggestion(0.9, 10, 300, 8.0), Live(100, held=64, finding="LG6100", expected=(40, 60)),
)  # fmt: skip
FLIPPED = Trail("hop-skip-jump", 900, "ran", ((20, 2.0, 1.0), (600, 0.4, 0.3)))
EVADED = evasion.Evasion(
    "m@1", "dev", "binary", evasion.Wish(mutable=("<i>x</i>",), distance=0.5), RULES,
    (
        ByAttack("hop-skip-jump", (Tried(0, FLIPPED, STREAM),)),
        ByAttack("square", (Tried(0, Trail("square", 5, "failed: no scores")),)),
    ),
    True, 0.0, Live(300, expected=(40, 60), due=(128, None, 256)), "hop-skip-jump",
)  # fmt: skip
PAGES = [extraction_html.page(EXTRACTED), evasion_html.page(EVADED)]


@pytest.mark.parametrize("page", PAGES)
def test_pages_run_nothing_and_fetch_nothing(page: str) -> None:
    """No script, no address, no inline style; what a project's names hold is text."""
    assert "<script" not in page
    assert not re.search(r'\b(src|href)="', page)
    assert ' style="' not in page
    assert "default-src 'none'" in page
    assert "<b>m</b>" not in page
    assert "<i>x</i>" not in page
    assert "<svg" in page


def test_a_control_that_did_not_act_stands_first() -> None:
    """LG990 in the page, and not where all acted."""
    assert "LG990" in PAGES[1]
    assert "LG990" not in PAGES[0]


def test_flips_that_came_first_are_said() -> None:
    """With the detectors no flip is taken away: page and lines say that, and that too few queries tell nothing."""
    early = Trail("hop-skip-jump", 900, "ran", ((8, 0.2, 0.1),))
    stream = replace(STREAM, held=192)
    lost = replace(EVADED, attacks=(ByAttack("hop-skip-jump", (Tried(0, early, stream),)),), live=Live(100))
    page = evasion_html.page(lost)
    assert "each of the 1 flips came before the client would have been held back" in page
    assert "flipped before it was seen: 1 of 1" in str(evasion_html.lines(lost))
    assert "flipped before it was seen: 0 of 1" not in page
    assert "came before the client would have been held back" in PAGES[1]
    assert "too few queries" not in page
    short = replace(lost, live=Live(100, expected=(40, None)))
    for said in (evasion_html.page(short), str(evasion_html.lines(short))):
        assert "too few queries to tell whether it is recorded" in said
        assert "--queries 256 should do" in said


def test_a_cluster_with_the_drills_own_client_is_explained() -> None:
    """Who measured asked the same rows before: one customer alone is no cluster."""
    live = Live(300, records=({"rule": "shared", "level": 1, "scope": "cluster"},))
    assert "together with the drill's own client" in extraction_html.told(live)
    assert not live.recorded


def test_what_was_not_tested_is_said() -> None:
    """A failed attack is listed as not tested; a model without a population says that nobody looks."""
    assert "Not tested" in PAGES[1]
    assert "no scores" in PAGES[1]
    blind = replace(EXTRACTED, streams={}, suggestion=None)
    assert "LG994" in extraction_html.page(blind)
    assert blind.missed
    assert "LG994" not in PAGES[0]


def test_lines_have_the_figures() -> None:
    """Queries, euros, what is seen when, the caps and what an honest client may ask under them."""
    told = str(extraction_html.lines(EXTRACTED))
    for part in (
        "0.900 after 100 queries, 0.20 EUR",
        "near after 40",
        "leak_day = 10",
        "leak_life = 300",
        "1 rows a day",
    ):
        assert part in told
    told = str(evasion_html.lines(EVADED))
    for part in (
        "1 of 1 rows flipped",
        "within 0.5, the median after 600",
        "seen in 1 of 1 rows",
        "not tested: 1 rows",
    ):
        assert part in told


def test_figures_are_json() -> None:
    """Both results can be written as strict JSON."""
    for found in (EXTRACTED.as_json(), EVADED.as_json()):
        assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_chart_says_what_it_draws() -> None:
    """Its title has every line's end and every mark; nothing is drawn of nothing."""
    drawn = chart("Fidelity", [Line("full", ((50.0, 0.5), (100.0, 0.75)))], [Mark("seen", 64)])
    assert "full ends at 0.750" in drawn
    assert "seen: 64 queries" in drawn
    assert chart("Fidelity", [Line("full", ())]) == ""
    assert "<b>" not in chart("<b>", [Line("<b>", ((1.0, 0.5),))], [Mark("<b>", 2)])


def test_the_command_writes_page_and_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both files, for their owner alone; exit code 0 for a measurement, 1 with LG990 for a control that did not act."""
    monkeypatch.setattr(extraction, "extraction", lambda *_, **__: EXTRACTED)
    monkeypatch.setattr(evasion, "evasion", lambda *_, **__: EVADED)
    (tmp_path / "lockgate.toml").write_text("")
    place = ["-C", str(tmp_path), "--out", str(tmp_path / "out"), "--json"]
    assert run(["drill", "extraction", *place]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == [str(tmp_path / "out" / f"drill-extraction.{kind}") for kind in ("html", "json")]
    assert (tmp_path / "out" / "drill-extraction.html").stat().st_mode & 0o777 == 0o600
    assert (
        json.loads((tmp_path / "out" / "drill-extraction.json").read_text())["schema"] == "lockgate.drill-extraction/v1"
    )
    assert run(["drill", "evasion", *place]) == 1
    told = capsys.readouterr().err
    assert "LG990" in told
    assert "lockgate drill evasion --env dev" in told
    short = replace(EVADED, live=Live(100, expected=(40, None)))
    monkeypatch.setattr(evasion, "evasion", lambda *_, **__: short)
    assert run(["drill", "evasion", *place]) == 0
    assert "--queries 256" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "wrong", [["--distance", "0"], ["--distance", "-1"], ["--mutable", ""], ["--mutable", "a,,b"], ["--mutable", " "]]
)
def test_what_says_nothing_is_refused(wrong: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No distance and no fields are mistakes, not those of lockgate.toml; beside them what is meant."""
    asked: list[evasion.Wish] = []

    def attack(_project: object, wish: evasion.Wish, **_: object) -> evasion.Evasion:
        asked.append(wish)
        return replace(EVADED, live=Live(100))

    monkeypatch.setattr(evasion, "evasion", attack)
    (tmp_path / "lockgate.toml").write_text("")
    assert run(["drill", "evasion", "-C", str(tmp_path), *wrong]) == 2
    assert asked == []
    assert run(["drill", "evasion", "-C", str(tmp_path), "--mutable", "a, b", "--distance", "0.25"]) == 0
    assert run(["drill", "evasion", "-C", str(tmp_path)]) == 0
    assert [(one.mutable, one.distance) for one in asked] == [(("a", "b"), 0.25), ((), 0.0)]


def test_the_command_says_what_it_cannot_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal is a finding; a folder that cannot be written is LG991, and no half of a report."""
    (tmp_path / "lockgate.toml").write_text("")
    (tmp_path / "file").write_text("")
    drilled: list[str] = []

    def drill(*_: object, **__: object) -> extraction.Extraction:
        drilled.append("")
        return EXTRACTED

    monkeypatch.setattr(extraction, "extraction", drill)
    assert run(["drill", "extraction", "-C", str(tmp_path), "--out", str(tmp_path / "file")]) == 4
    assert "LG991" in capsys.readouterr().err
    assert drilled == []  # refused before the minutes that it takes

    def refuse(*_: object, **__: object) -> None:
        raise Refused("LG986", "too few")

    monkeypatch.setattr(extraction, "extraction", refuse)
    assert run(["drill", "extraction", "-C", str(tmp_path)]) == 1
