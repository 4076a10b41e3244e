"""`[robustness]`: what may be said, what is refused with its line, how far fields go, what a jail's word looks like."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.config import read_config
from lockgate.contract.plan import Choice, FieldPlan, Plan, Real, Text, Whole
from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.core.robustness_words import robustness_line
from lockgate.core.statement import TEST_RESULT, Statement, Subject
from lockgate.errors import Refused, Usage
from lockgate.pipeline.specs import train_spec
from lockgate.project.pages import ModelPage
from lockgate.register.card import card
from lockgate.register.mlbom import document
from lockgate.register.spec import Words
from lockgate.train.robustness_facts import read, stated
from lockgate.train.robustness_ranges import ranges
from lockgate.train.robustness_spec import Attacked, Live, Robustness

SETTINGS = """[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:Flight"
label = "late"
[serve]
rate = "360/min"
"""
MUTABLE = '[robustness]\nmutable = ["age", "pay"]\n'
DIGEST = digest_of(b"it")
LIVE = Live("flights@1", DIGEST, digest_of(b"judge"), ("prod",), {})
ASKED = Robustness(("age",), rows=400, distances=(0.5, 1.0), queries=1000, rate=100.0)
HALF = {"value": 0.5, "low": 0.45, "high": 0.55}
TRIED = {"attack": "boundary", "status": "ran", "rows": 390, "failed": 0, "queries": 9, "flips": {"0.5": 3, "1": 9}}
FACTS = {"clean_accuracy": HALF, "robust_accuracy_0.5": HALF, "robust_accuracy_1": HALF, "hours_to_evade": HALF}
MODEL = {"facts": FACTS, "tried": [TRIED], "found": {"within": 1.0, "median": 250, "tenth": None, "most": 1000}}
FOUND: dict[str, Any] = {
    "rows": 400,
    "of": 500,
    "seconds": 21.4,
    "models": [MODEL, {"why": "it has features of its own"}],
    "drops": [None],
}


def test_what_is_asked_is_part_of_what_was_chosen() -> None:
    """The defaults, the rate of [serve], the model's name; the provenance names all but the name, and nothing at all
    where nobody asks. A statement's words read back as what was asked.
    """
    spec = train_spec(read_config(SETTINGS + MUTABLE))
    assert spec.robustness == Robustness(("age", "pay"), rate=6.0, of="flights")
    said = spec.external()["robustness"]
    assert (said["rows"], said["distances"], said["queries"]) == (400, [0.25, 0.5, 1.0], 1000)
    assert Robustness.read(json.loads(json.dumps(said))) == Robustness(("age", "pay"), rate=6.0)
    assert train_spec(read_config(SETTINGS)).robustness is None
    assert "robustness" not in train_spec(read_config(SETTINGS)).external()


def test_each_change_is_another_training() -> None:
    """What is signed differs for each key, so that nothing stands as unchanged that was tried otherwise."""
    more = ("rows = 500", "distances = [0.5]", "queries = 200", 'attacks = ["square"]', 'time = "1 min"')
    specs = [train_spec(read_config(f"{SETTINGS}{MUTABLE}{each}\n")) for each in ("", *more)]
    specs += [train_spec(read_config(SETTINGS.replace("360", "361") + MUTABLE))]
    assert len({encode(spec.external()) for spec in specs}) == 7


def test_of_several_models_each_may_ask_for_its_own() -> None:
    """The project's table is every model's, where it does not say otherwise."""
    table = '[model.one]\n[model.two.robustness]\nmutable = ["pay"]\nrows = 600\n'
    several = read_config(SETTINGS + MUTABLE + table)
    one, two = (several.of(name).robustness for name in ("one", "two"))
    assert one is not None
    assert two is not None
    assert (one.mutable, two.mutable, two.rows) == (("age", "pay"), ("pay",), 600)


@pytest.mark.parametrize(
    ("table", "line", "says"),
    [
        ("[robustness]\nrows = 400\n", 9, "robustness.mutable is missing"),
        ('[robustness]\nmutable = ["a", "a"]\n', 10, "names one of them twice"),
        (MUTABLE + "rows = 399\n", 11, "from 400 to 10000"),
        (MUTABLE + "distances = [0.5, 0.25]\n", 11, "the smallest first"),
        (MUTABLE + "distances = [1.0, 1.00000001]\n", 11, "the smallest first"),
        (MUTABLE + "distances = []\n", 11, "at least 1"),
        (MUTABLE + "distances = [0]\n", 11, "from 1e-06"),
        (MUTABLE + 'attacks = ["hopskipjump"]\n', 11, "hop-skip-jump"),
        (MUTABLE + "queries = 10\n", 11, "from 100"),
        (MUTABLE + 'time = "2 d"\n', 11, "from 1 s to 24 h"),
        (MUTABLE + "budget = 3\n", 11, "unknown key"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(table: str, line: int, says: str) -> None:
    """When the settings are read, by whatever command: nothing has been trained yet."""
    with pytest.raises(Usage, match=f"lockgate.toml:{line}: ") as raised:
        read_config(SETTINGS + table)
    assert (raised.value.finding, says in raised.value.message) == ("LG942", True)


def _plan(**nodes: Any) -> Plan:
    kinds = {Whole: "int", Real: "float", Text: "string", Choice: "string"}
    fields = [FieldPlan(name, kinds[type(node)], (name,), node) for name, node in nodes.items()]  # type: ignore[arg-type]
    return Plan("Flight", "2", tuple(fields))


def test_the_contract_says_how_far_a_field_goes() -> None:
    """The nearest of its bounds; an open end is None, so that what was seen holds. Above 0 is not 0."""
    plan = _plan(age=Whole(ge=0, gt=17, le=120), pay=Real(gt=0.0, lt=1.0), late=Whole(), size=Real())
    asked = Robustness(("age", "pay", "size"))
    found = ranges(plan, asked, "late")
    assert (found["age"], found["size"]) == ((18.0, 120.0), (None, None))
    low, high = found["pay"]
    assert low is not None
    assert high is not None
    assert 0 < low < 1e-300 < 1 - 1e-9 < high < 1


@pytest.mark.parametrize(
    ("name", "says"), [("town", "is a string, and no number"), ("late", "no field"), ("gone", "no field")]
)
def test_what_is_no_number_of_the_contract_is_refused_before_training(name: str, says: str) -> None:
    """A text, the label, a field that is not there: LG394, with the numbers there are."""
    plan = _plan(age=Whole(), town=Text(), late=Whole())
    with pytest.raises(Refused, match=says) as raised:
        ranges(plan, Robustness(("age", name)), "late")
    assert (raised.value.finding, raised.value.seen["numbers"]) == ("LG394", ["age"])


def _changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    found = copy.deepcopy(FOUND)
    place: Any = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rows",), 401),
        (("rows",), True),
        (("of",), 499),
        (("seconds",), -1),
        (("models",), [MODEL]),
        (("drops",), []),
        (("drops", 0), {"0.5": HALF}),
        (("drops", 0), {"0.5": HALF, "1": {**HALF, "low": 0.6}}),
        (("models", 0, "tried"), []),
        (("models", 0, "tried", 0, "attack"), "of tomorrow"),
        (("models", 0, "tried", 0, "rows"), 401),
        (("models", 0, "tried", 0, "flips"), {"9": 1}),
        (("models", 0, "tried", 0, "status"), None),
        (("models", 0, "facts", "robust_accuracy_2"), HALF),
        (("models", 0, "facts", "robust_accuracy_1"), {"value": "0.5", "low": None, "high": None}),
        (("models", 0, "found", "median"), "250"),
        (("models", 1), {"why": 3}),
    ],
)
def test_what_the_jail_wrote_is_read_in_one_form_only(path: tuple[Any, ...], value: Any) -> None:
    """Counts of other rows, facts with other names, numbers outside their intervals: nothing of it is signed."""
    assert read(encode(FOUND), ASKED, 1, 500) == FOUND
    with pytest.raises(ValueError, match=r"[a-z]"):
        read(encode(_changed(path, value)), ASKED, 1, 500)


def test_what_failed_or_could_not_be_compared_is_told() -> None:
    """An attack that failed, a live model that cannot be compared: each with why, as a warning; there is no drop."""
    tried = {**TRIED, "status": "failed: the target gives no scores"}
    found = stated(_changed(("models", 0, "tried"), [tried]), ASKED, 7, [LIVE])
    assert [one.finding for one in found.reasons] == ["LG397", "LG409"]
    assert "not stated" not in found.reasons[0].message
    assert "drop_0.5" not in found.robustness
    assert found.attacked is not None
    assert (found.attacked["asked"], found.attacked["rows"], found.attacked["seed"]) == (400, 400, 7)
    bare = _changed(("models", 0, "tried"), [tried])
    bare["models"][0]["facts"] = {"clean_accuracy": HALF}
    assert "it is not stated how robust the model is" in stated(bare, ASKED, 7, [LIVE]).reasons[0].message
    why = stated(_changed(("models", 0), {"why": "its answers change"}), ASKED, 7, [LIVE])
    assert ([one.finding for one in why.reasons], dict(why.robustness)) == (["LG398"], {})


def _judge(found: Attacked) -> dict[str, Any]:
    return {"robustness": dict(found.robustness), "attacked": found.attacked}


def test_one_line_says_it_and_page_card_and_bill_have_it() -> None:
    """Robust accuracy at the middle distance with its interval, median queries and what they take, attacks, time."""
    said = _judge(stated(FOUND, ASKED, 7, [LIVE]))
    line = (
        "under attack 50.0% [45.0%, 55.0%] of 400 rows hold within 1 sd; flips within 1 sd take 250 queries, the "
        "median (2.5 s at a client's rate); boundary; 21 s"
    )
    assert line == robustness_line(said)
    page = ModelPage("m@1", DIGEST, "binary", "now", (), (), {}, (), 1, (), revoked=False, **said)
    assert line in str(page.text())
    assert page.as_json()["robustness"] == said["robustness"]
    heads = {claim: _evidence(claim, {}) for claim in ("ingest", "validate", "train")}
    told = card("m", Words(), {**heads, "judge": _evidence("judge", said)})
    assert "| robust_accuracy_1 | 0.5 | 0.45 to 0.55 |" in told
    assert "under attack" not in card("m", Words(), {**heads, "judge": _evidence("judge", {})})
    bill = json.loads(document("m", Words(), {**heads, "judge": _evidence("judge", said)}))
    assert "robust_accuracy_0.5" in json.dumps(bill)


@pytest.mark.parametrize("said", [{}, {"attacked": 7}, {"attacked": {}}, {"attacked": {"distances": ["x"]}}])
def test_old_statements_and_those_out_of_form_say_nothing(said: dict[str, Any]) -> None:
    """And break nothing: a page is made of whatever was signed."""
    assert robustness_line(said) == ""


def _evidence(claim: str, said: dict[str, Any]) -> Evidence:
    statement = Statement((Subject("model.onnx", DIGEST),), TEST_RESULT, said)
    return Evidence(1, DIGEST, b"", statement, claim, claim, "mara", "k", datetime(2026, 11, 26, tzinfo=UTC))
