"""What drills compute: curves from answers, flips from trails, what detectors make of queries, what is suggested."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockgate.core.record_suspicion import LIMITED, OBSERVED, QUIET
from lockgate.drills.controls import LATE_ROWS, Detectors, Rules, Stream, _Steps, spell
from lockgate.drills.evasion_html import _late
from lockgate.drills.extraction import Suggestion, _held, goal_of
from lockgate.drills.fidelity import Curve, Learning, answers, forms_of, sizes
from lockgate.drills.flips import ByAttack, Tried
from lockgate.drills.rows import Slot
from lockgate.drills.site import Live
from lockgate.drills.surrogate import Encoder
from lockgate.monitor.abuse.population import make
from lockgate.train.jail.attacks import Answers, Space, Trail, hop_skip_jump, together

RULES = Rules("full", 0, 0, "limit", "off", rate=10.0, burst=100)


def rows(count: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    """Four numbers that hang together, as a population's do."""
    drawn = np.random.default_rng(seed).normal(size=(count, 4))
    drawn[:, 3] = drawn[:, 0] + 0.1 * drawn[:, 3]
    return {f"x{place}": drawn[:, place] for place in range(4)}


def said(columns: dict[str, np.ndarray[Any, Any]]) -> list[dict[str, Any]]:
    """A model that is no line, as scores of two classes."""
    scores = 1 / (1 + np.exp(-3 * (columns["x0"] * columns["x1"] + columns["x2"])))
    return [{"label": score > 0.5, "scores": {"false": 1 - score, "true": score}} for score in scores.tolist()]


def test_a_curve_rises_with_queries_and_with_what_answers_say() -> None:
    """More answers make a better copy, and scores no worse a one than labels; each has its interval and price."""
    held, asked = rows(400, 1), rows(400, 2)
    encode = Encoder(asked, [Slot(name, "float") for name in asked])
    truth, _ = answers(said(held), "label", (False, True), "binary", 3)
    shared = Learning(encode(held), truth, "binary", 1)
    curves: list[Curve] = []
    for form in ("label", "full"):
        learned = answers(said(asked), form, (False, True), "binary", 3)
        before = curves[-1] if curves else None
        curves.append(shared.curve("natural", form, encode(asked), learned, None, 2.0, print, before))
    label, full = (one.points for one in curves)
    assert [point.queries for point in label] == [50, 100, 200, 400]
    assert label[-1].fidelity.value > label[0].fidelity.value
    assert full[-1].fidelity.value >= label[-1].fidelity.value > 0.75
    assert full[0].fidelity.value >= label[0].fidelity.value
    assert shared.base() < 0.6
    assert full[-1].fidelity.low is not None
    assert full[-1].fidelity.low < full[-1].fidelity.value
    assert full[-1].euros == 0.8


def test_forms_that_were_not_given_are_not_measured() -> None:
    """From rounded scores nobody knows the full ones; a regression has no label."""
    assert forms_of("binary", "full") == ("label", "rounded", "full")
    assert forms_of("binary", "rounded") == ("label", "rounded")
    assert forms_of("multiclass", "top") == ("label",)
    assert forms_of("regression", "full") == ("rounded", "full")


def test_answers_are_shaped_as_the_gateway_shapes_them() -> None:
    """The label alone; scores to so many digits; all."""
    one = [{"label": "b", "scores": {"a": 0.123456, "b": 0.876544}}]
    assert answers(one, "label", ("a", "b"), "binary", 2)[0].tolist() == [1.0]
    assert answers(one, "rounded", ("a", "b"), "binary", 2)[0].tolist() == [[0.12, 0.88]]
    assert answers(one, "full", ("a", "b"), "binary", 2)[0].tolist() == [[0.123456, 0.876544]]
    assert answers([{"value": 1.2345}], "rounded", (), "regression", 2)[0].tolist() == [1.23]


@pytest.mark.parametrize(("most", "found"), [(0, []), (30, [30]), (50, [50]), (120, [50, 100, 120])])
def test_curves_end_where_the_answers_end(most: int, found: list[int]) -> None:
    """Doubling, and the last."""
    assert found == sizes(most)


def test_a_goal_is_above_what_nobody_needs_to_ask_for() -> None:
    """Where one label is at 0.92 of all rows, a copy of 0.9 is none."""
    assert goal_of(0.9, 0.5) == 0.9
    assert goal_of(0.9, 0.92) == pytest.approx(0.96)


def test_a_suggestion_says_what_an_honest_client_pays() -> None:
    """Rows before a cap, at the price of an honest row; nothing where no cap follows."""
    assert Suggestion(0.9, 100, 3000, 8.0).rows(100) == 12
    assert Suggestion(0.9, None, None, 8.0).rows(None) is None


def test_a_rate_limit_in_hours() -> None:
    """The burst is at once."""
    assert RULES.seconds(100) == 0
    assert RULES.seconds(1100) == 100
    assert [spell(one) for one in (5, 600, 7200, 3e5)] == ["5 s", "10 min", "2.0 h", "3.5 days"]


def test_detectors_see_an_attack_and_not_its_population() -> None:
    """The gateway's own classes: an attack is seen within its first hundred queries, rows of the population are not."""
    kinds = dict.fromkeys(rows(1, 0), "float")
    population = make(rows(4000, 3), kinds, left_out=(), seed=1)
    assert population is not None
    detectors = Detectors(population, kinds, (False, True), seed=1)
    space = Space(rows(500, 4), kinds, tuple(kinds))
    asked: list[Any] = []

    def ask(places: Any, points: Any) -> Answers:
        asked.append(points)
        scores = [one["scores"]["true"] for one in said(space.rows(places, points))]
        return Answers((np.array(scores) > 0.5).astype(np.int64))

    start = space.start(0)
    label = int(said(space.rows([0], start[None]))[0]["label"])
    together([hop_skip_jump(space, start, label, 600, np.random.default_rng(1))], ask)
    columns = space.columns(0, np.concatenate(asked))
    attack = detectors.watch(columns, said(columns), until_held=True)
    assert attack.first is not None
    assert attack.first <= 100
    assert attack.held is not None
    assert attack.first < attack.held < 200
    assert attack.held % 64 == 0
    late = detectors.watch(columns, said(columns), look=LATE_ROWS)
    live = Live(400).judged((attack.first, attack.held), late)
    assert live.due == (128, None, 256)
    short = detectors.watch({name: one[:100] for name, one in columns.items()}, said(columns)[:100], look=LATE_ROWS)
    assert Live(100).judged((attack.first, None), short).due == (None, None, None)
    natural = rows(600, 5)
    honest = detectors.watch(natural, said(natural))
    assert honest.seen == {}
    assert honest.rows == 600
    assert (np.diff(honest.bits("full")) >= 0).all()
    assert honest.bits("full")[-1] > honest.bits("label")[-1] > 0


def tried(flips: tuple[tuple[int, float, float], ...], first: int | None, held: int | None) -> Tried:
    """A row that was flipped so, and seen and held after so many queries."""
    stream = Stream(rows=900, seen={} if first is None else {"near": first}, held=held)
    return Tried(0, Trail("square", 900, "ran", flips), stream)


def test_flips_before_and_after_somebody_is_held_back() -> None:
    """A row counts as flipped under a control only when its flip came first; a row that failed counts nowhere."""
    far, near = (200, 2.0, 1.0), (600, 0.4, 0.3)
    found = ByAttack(
        "square",
        (
            tried((far, near), 40, 60),
            tried((near,), None, None),
            tried((), 40, 60),
            Tried(3, Trail("square", 5, "failed: no budget")),
        ),
    )
    assert len(found.ran) == 3
    assert found.flipped(None) == [200, 600]
    assert found.flipped(0.5) == [600, 600]
    assert found.flipped(0.5, held=True) == [600]
    assert found.failures() == {"failed: no budget": 1}
    told = found.as_json(0.5, RULES)
    assert told["flipped_within_before_held"] == 1
    assert (told["flipped_before_seen"], told["flipped_before_held"]) == (1, 1)
    assert found.end is None
    assert (told["seen_early"], told["seen_early_of"]) == (1, 2)
    assert told["seconds_to_flip_within"] == 50


def test_what_is_seen_after_its_flip_is_no_success() -> None:
    """Flipped with the 8th query, seen with the 42nd: "early", and too late. The lines say both, and the JSON too."""
    flip = (8, 0.2, 0.1)
    lost = ByAttack("hop-skip-jump", tuple(tried((flip,), 42, 192) for _ in range(6)))
    told = lost.as_json(0.5, RULES)
    assert (told["flipped_before_seen"], told["flipped_before_held"], told["seen_early"]) == (6, 6, 6)
    assert lost.end == 192
    said = "\n".join(_late(lost, 0.5))
    assert "flipped before it was seen: 6 of 6; before it was held back: 6 of 6" in said
    assert "6 of 6, and 6 of these had flipped by then" in said
    won = ByAttack("hop-skip-jump", (tried(((900, 0.2, 0.1),), 42, 192),))
    assert "before it was seen: 0 of 1; before it was held back: 0 of 1" in "\n".join(_late(won, 0.5))


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, False),
        ({"due": (128, None, None)}, True),
        ({"due": (128, None, None), "records": ({"rule": "shared", "scope": "cluster"},)}, True),
        ({"due": (128, None, None), "records": ({"rule": "near", "scope": "client"},)}, False),
        ({"due": (128, None, 256), "records": ({"rule": "near"},)}, True),
        ({"due": (128, None, 256), "records": ({"rule": "near"},), "held": 170, "finding": "LG6100"}, False),
    ],
)
def test_a_control_that_did_not_act_is_missed(changes: dict[str, Any], missed: bool) -> None:
    """What is due must be recorded, and followed where the policy says so; what is not, need not."""
    assert missed == bool(replace(Live(300, expected=(40, 192)), **changes).missed(RULES))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expected": (None, None)}, ""),
        ({}, "recorded"),
        ({"records": ({"rule": "near"},)}, "held back"),
        ({"held": 90}, ""),
        ({"asked": 300, "due": (128, None, 256), "records": ({"rule": "near"},)}, ""),
    ],
)
def test_too_few_queries_tell_nothing(changes: dict[str, Any], words: str) -> None:
    """Seen after 40 of 100 queries, before any step: that is said, and is no control that failed."""
    live = replace(Live(100, expected=(40, 90)), **changes)
    assert (words != "") == bool(live.unsure(RULES))
    assert words in live.unsure(RULES)
    if words:
        assert live.missed(RULES) == ""
        assert live.wanted(RULES) == 256
        assert live.wanted(replace(RULES, quiet="coarsen")) == 384


def test_a_longer_pass_is_wanted_where_few_rows_spoke() -> None:
    """Enough queries by the looks, and yet nothing was due: twice as many."""
    assert Live(1000, expected=(40, None)).wanted(RULES) == 2000


@pytest.mark.parametrize(("quiet", "look", "reached"), [(False, 64, 128), (True, 64, 192), (True, 128, 384)])
def test_steps_come_with_looks_and_not_with_rows(quiet: bool, look: int, reached: int) -> None:
    """As in the gateway: one look raises, and each further one takes at most one step, by 16 rows or more."""
    steps = _Steps(quiet=quiet)
    for rows in range(4, 401, 4):
        steps.count({"near": 4}, ["near"] if rows == 40 else [])
        if rows % look == 0:
            steps.look(rows)
    assert reached == steps.reached[LIMITED]
    assert look == steps.reached[OBSERVED]
    assert (2 * look if quiet else None) == steps.reached.get(QUIET)


def test_rows_that_speak_for_another_rule_are_no_step() -> None:
    """Somebody who is suspected of odd rows goes no further by edits of one row."""
    steps = _Steps(quiet=False)
    steps.count({"novel": 30}, ["novel"])
    for rows in range(64, 640, 64):
        steps.look(rows)
        steps.count({"near": 64, "novel": 0}, [])
    assert LIMITED not in steps.reached


def test_coarser_answers_are_due_until_429() -> None:
    """A pass that is answered before the first look gets 429 and no answer in between: no control failed."""
    rules = replace(RULES, quiet="coarsen")
    live = Live(300, expected=(4, 192), due=(128, 256, None), records=({"rule": "novel", "level": 1},))
    assert live.missed(rules) == "its answers were not made coarser"
    assert replace(live, coarse=280).missed(rules) == ""
    assert replace(live, held=300, finding="LG6100").missed(rules) == ""


def test_an_observing_policy_holds_nobody_back() -> None:
    """With `observe` a record is all that is due."""
    live = Live(300, expected=(40, 192), due=(128, None, 256), records=({"rule": "near"},))
    assert live.missed(RULES)
    assert live.missed(replace(RULES, respond="observe")) == ""


def test_a_used_up_leak_budget_is_expected_to_hold_back() -> None:
    """100 rows of 8 bits: a cap of 400 is reached with the fiftieth; one of 10,000 is not, and no cap never."""
    stream = Stream(100, {}, None, [np.zeros(100, np.uint8)], [np.ones(100, np.float32)])
    assert _held(stream, replace(RULES, leak_life=400)) == 50
    assert _held(stream, replace(RULES, leak_life=10_000)) is None
    assert _held(stream, RULES) is None
