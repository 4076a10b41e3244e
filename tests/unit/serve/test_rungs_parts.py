"""Routing, counting, what is kept for labels, and how stale a log may be: one promise each, without an engine."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from lockgate.core.digest import Digest
from lockgate.serve.recording.labels import LINES, Line, append_lines
from lockgate.serve.rungs import answers, following
from lockgate.serve.rungs.answers import Answers
from lockgate.serve.rungs.comparing import Comparer, Pair, Place, rounded
from lockgate.serve.rungs.following import Labels
from lockgate.serve.rungs.observer import Observer
from lockgate.serve.rungs.routing import Router
from lockgate.serve.rungs.sizes import Sizes
from lockgate.serve.spec import Step
from lockgate.serve.staleness import Staleness
from tests.support import engines
from tests.support.rungs import GATEWAY, Written, ask_of, manifest

MODEL, BASE = manifest("candidate"), manifest("live")
STEP = Step("dev", "canary", MODEL, BASE, 2)


def followed(folder: Path, model: Digest = MODEL) -> Labels[Pair]:
    """Labels, followed for a candidate beside BASE."""
    return Labels(folder, model, partial(answers.found, folder, model, BASE))


def share_of(router: Router, asks: list[Any], share: float) -> float:
    """Of these requests, how many the candidate gets."""
    return sum(router.point(one) < share for one in asks) / len(asks)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_the_share_of_clients_is_the_share_of_the_rung(share: float) -> None:
    """Over many clients the keyed hash gives each rung its share, and the next rung keeps who had the candidate."""
    router = Router(b"k" * 32, MODEL, "client")
    asks = [ask_of(f"client-{number}") for number in range(4000)]
    assert share_of(router, asks, share) == pytest.approx(share, abs=0.02)
    assert all(router.point(one) < 0.75 for one in asks if router.point(one) < share)


def test_another_candidate_or_key_sends_others_first() -> None:
    """It is not always the same clients that get a new model first, and nobody without the key knows who does."""
    asks = [ask_of(f"client-{number}") for number in range(400)]
    own, other, foreign = (
        [router.point(one) for one in asks]
        for router in (
            Router(b"k" * 32, MODEL, "client"),
            Router(b"k" * 32, BASE, "client"),
            Router(b"x" * 32, MODEL, "client"),
        )
    )
    assert own == [Router(b"k" * 32, MODEL, "client").point(one) for one in asks]
    assert not set(own) & set(other)
    assert not set(own) & set(foreign)


def test_a_declared_key_keeps_together_what_belongs_together() -> None:
    """By header: two clients with one key go the same way; without the header the client decides."""
    router = Router(b"k" * 32, MODEL, "key")
    keyed = [router.point(ask_of(name, headers={"lockgate-key": "patient 7"})) for name in ("ada", "bob")]
    assert keyed[0] == keyed[1] != router.point(ask_of("ada"))
    assert router.point(ask_of("ada")) != router.point(ask_of("bob"))
    assert router.point(ask_of("x", headers={"lockgate-key": "ada"})) != router.point(ask_of("ada")), "no impostor"
    by_client = Router(b"k" * 32, MODEL, "client")
    assert by_client.point(ask_of("ada", headers={"lockgate-key": "7"})) == by_client.point(ask_of("ada"))


def test_by_request_one_client_is_spread_and_a_retry_is_not() -> None:
    """The same bytes go the same way."""
    router = Router(b"k" * 32, MODEL, "request")
    points = [router.point(ask_of("ada", body=b"%d" % number)) for number in range(300)]
    assert len(set(points)) == 300
    assert points == [router.point(ask_of("ada", body=b"%d" % number)) for number in range(300)]


def comparer(task: str = "binary", scale: float = 0.0, *, new: tuple[Any, ...] = (False, True)) -> Comparer:
    """For two models."""
    live = dataclasses.replace(engines.SERVED, task=cast("Any", task))
    return Comparer(live, dataclasses.replace(live, classes=new), scale)


def counted(made: Comparer, live: list[float], candidate: list[float]) -> dict[str, int]:
    """What a comparison counts."""
    observer = Observer(cast("Any", Written()), STEP, lambda: 0.0)
    made.compare(observer, live, candidate)
    return observer.counts


def test_classes_are_compared_by_name_whatever_their_order() -> None:
    """A candidate with a further class says what it says; one that neither declares is told apart."""
    made = comparer(new=(True, False, "maybe"))
    said = [made.number({"label": label, "scores": {}}) for label in (False, True, "maybe", "never")]
    assert said == [0.0, 1.0, 2.0, -1.0]
    assert counted(made, [0.0, 1.0, 0.0], [0.0, 1.0, 2.0]) == {
        "pairs.rows": 3, "pairs.disagree": 1, "pairs.more.2": 1, "pairs.fewer.0": 1,
    }  # fmt: skip


def test_numbers_are_compared_in_units_of_the_scale() -> None:
    """In twentieths, clipped; beyond one unit they disagree; without a scale nothing is said but how many."""
    live, candidate = [0.0, 0.0, 0.0, 0.0], [0.0, 5.0, -30.0, float("nan")]
    assert counted(comparer("regression", 10.0), live, candidate) == {
        "pairs.rows": 4, "pairs.shift.p10": 1, "pairs.disagree": 2, "pairs.shift.m20": 1, "pairs.shift.p20": 1,
    }  # fmt: skip
    assert counted(comparer("regression"), live, candidate) == {"pairs.rows": 4}


@pytest.mark.parametrize(
    ("task", "scale", "pair", "label", "expected"),
    [
        ("binary", 0.0, Pair(1.0, 0.0), 1.0, {"risk.rows": 1, "risk.p20": 1}),
        ("binary", 0.0, Pair(0.0, 1.0), 1.0, {"risk.rows": 1, "risk.m20": 1}),
        ("binary", 0.0, Pair(0.0, 0.0), 1.0, {"risk.rows": 1}),
        ("binary", 0.0, Pair(None, 0.0), 1.0, {"candidate.labels": 1, "candidate.wrong": 1}),
        ("binary", 0.0, Pair(1.0, None), 1.0, {"live.labels": 1}),
        ("regression", 10.0, Pair(10.0, 5.0), 10.0, {"risk.rows": 1, "risk.p10": 1}),
        ("regression", 0.0, Pair(10.0, 5.0), 10.0, {}),
        ("regression", 10.0, Pair(None, 5.0), 10.0, {}),
    ],
)
def test_a_label_says_which_model_was_more_wrong(
    task: str, scale: float, pair: Pair, label: float, expected: dict[str, int]
) -> None:
    """Both known: the difference of their losses. One alone: whether it was wrong."""
    observer = Observer(cast("Any", Written()), STEP, lambda: 0.0)
    comparer(task, scale).judge(observer, pair, label)
    assert observer.counts == expected


def test_what_is_no_label_counts_as_none() -> None:
    """Of another type, of no class, not finite."""
    assert [comparer().label(one) for one in (True, "late", 3)] == [1.0, None, None]
    assert [comparer("regression").label(one) for one in (2, float("inf"), "2", True)] == [2.0, None, None, None]


def test_counts_are_written_in_time_and_never_lost() -> None:
    """The first record says that counting began; errors are told at once, many rows each second, few after ten."""
    recorder, now = Written(), [0.0]
    observer = Observer(cast("Any", recorder), STEP, lambda: now[0])
    recorder.full = True
    observer.add("live.rows", 7)
    observer.flush(now=True)
    assert recorder.observed == []
    recorder.full = False
    observer.flush()
    assert recorder.observed == [(STEP, {"began": 1})], "what came before is not counted"
    observer.add("live.rows", 3)
    for moment, written in ((0.5, 1), (1.5, 1), (9.9, 1), (10.0, 2)):
        now[0] = moment
        observer.flush()
        assert len(recorder.observed) == written, moment
    observer.add("candidate.errors")
    now[0] = 10.25
    observer.flush()
    assert recorder.observed[-1][1] == {"candidate.errors": 1}
    observer.add("live.rows", 60)
    now[0] = 11.3
    recorder.full = True
    observer.flush()
    recorder.full = False
    observer.flush()
    assert recorder.counts == {"began": 1, "live.rows": 63, "candidate.errors": 1}


def test_what_both_said_is_found_when_the_label_comes(tmp_path: Path) -> None:
    """Whichever gateway kept it and whoever brought the label; once each, and only of this candidate's rows."""
    own = Answers(tmp_path, GATEWAY, MODEL, BASE)
    earlier = Answers(tmp_path, "f" * 16, MODEL, BASE)
    foreign = Answers(tmp_path, "e" * 16, manifest("another"), BASE)
    labels = followed(tmp_path)
    own.keep([(Place(5, 0), Pair(1.0, None)), (Place(6, 1), Pair(None, 0.0))])
    own.keep([(Place(5, 0), Pair(None, 0.0))])
    earlier.keep([(Place(1, 0), Pair(0.0, 0.0))])
    foreign.keep([(Place(1, 0), Pair(0.0, 0.0))])
    places = [f"{GATEWAY}.5.0", f"{GATEWAY}.6.1", f"{'f' * 16}.1.0", f"{'e' * 16}.1.0", f"{GATEWAY}.9.0", "../x.1.0"]
    append_lines(tmp_path, [Line(place, True, "lgr2", 0) for place in places])
    assert labels.read() == [(True, Pair(1.0, 0.0)), (True, Pair(None, 0.0)), (True, Pair(0.0, 0.0))]
    assert labels.read() == []


def test_a_label_may_come_before_what_was_said_is_written(tmp_path: Path) -> None:
    """It waits for a few looks; then it is given up."""
    labels = followed(tmp_path)
    append_lines(tmp_path, [Line(f"{GATEWAY}.{seq}.0", True, "lgr2", 0) for seq in (1, 2)])
    assert labels.read() == []
    Answers(tmp_path, GATEWAY, MODEL, BASE).keep([(Place(1, 0), Pair(1.0, 1.0))])
    assert labels.read() == [(True, Pair(1.0, 1.0))]
    for _ in range(5):
        labels.read()
    Answers(tmp_path, GATEWAY, MODEL, BASE).keep([(Place(2, 0), Pair(1.0, 1.0))])
    assert labels.read() == []


def test_labels_are_followed_on_after_a_restart_and_counted_once(tmp_path: Path) -> None:
    """The next gateway goes on where the one before stood; a new candidate begins at the end."""
    Answers(tmp_path, GATEWAY, MODEL, BASE).keep([(Place(seq, 0), Pair(1.0, 0.0)) for seq in range(4)])
    first = followed(tmp_path)
    append_lines(tmp_path, [Line(f"{GATEWAY}.0.0", True, "lgr2", 0)])
    assert len(first.read()) == 1
    append_lines(tmp_path, [Line(f"{GATEWAY}.1.0", True, "lgr2", 0)])
    assert len(followed(tmp_path).read()) == 1
    assert followed(tmp_path).read() == []
    assert followed(tmp_path, manifest("next"))._offset == (tmp_path / LINES).stat().st_size


def test_a_file_that_is_no_database_or_a_line_that_is_none_stops_nothing(tmp_path: Path) -> None:
    """What others wrote into the folder is passed over; a file that was cut off by erasing is read from its end."""
    (tmp_path / f"rung-{GATEWAY}.sqlite").write_bytes(b"no database at all, and long enough to be looked at")
    (tmp_path / f"rung-{'b' * 16}.sqlite").symlink_to("/etc/hostname")
    labels = followed(tmp_path)
    lines = [b"[]", b'{"id": 5}', b"\xff", json.dumps({"id": f"{GATEWAY}.1.0", "label": True}).encode()]
    (tmp_path / LINES).write_bytes(b"\n".join(lines) + b"\nhalf a li")
    assert labels.read() == []
    (tmp_path / LINES).write_bytes(b"")
    assert labels.read() == []
    answers.clear(tmp_path, MODEL)
    assert not (tmp_path / f"rung-{GATEWAY}.sqlite").exists()
    assert Path("/etc/hostname").exists()


def test_what_was_kept_goes_with_its_candidate(tmp_path: Path) -> None:
    """Files of other candidates are removed when one begins, all of them when there is none any more."""
    Answers(tmp_path, GATEWAY, MODEL, BASE).keep([(Place(0, 0), Pair(1.0, 0.0))])
    Answers(tmp_path, "f" * 16, manifest("another"), BASE).keep([(Place(0, 0), Pair(1.0, 0.0))])
    answers.clear(tmp_path, MODEL)
    assert [path.name for path in tmp_path.iterdir()] == [f"rung-{GATEWAY}.sqlite"]
    answers.clear(tmp_path, None)
    assert list(tmp_path.iterdir()) == []


def test_no_more_rows_are_kept_than_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ladder that stands for months does not fill the disk."""
    monkeypatch.setattr(answers, "MOST_ROWS", 10)
    made = Answers(tmp_path, GATEWAY, MODEL, BASE)
    for start in range(0, 20, 4):
        made.keep([(Place(seq, 0), Pair(1.0, None)) for seq in range(start, start + 4)])
    made.close()
    found = sqlite3.connect(tmp_path / f"rung-{GATEWAY}.sqlite").execute("SELECT count(*) FROM answers").fetchall()
    assert found == [(10,)]
    assert (tmp_path / f"rung-{GATEWAY}.sqlite").stat().st_mode & 0o777 == 0o600
    assert following.OFFSET not in [path.name for path in tmp_path.iterdir()]


def test_a_log_is_stale_when_nobody_vouches_for_it_or_it_is_known_to_be_behind() -> None:
    """Vouched for: fresh. A folder that shows fewer statements than there are is as stale as it was when they came."""
    now = [0.0]
    made = Staleness(lambda: now[0])
    now[0] = 30.0
    assert made.age(5) == 30.0
    made.told(5, 5)
    assert made.age(5) == 0.0
    now[0] = 40.0
    made.told(6, 5)
    assert made.age(5) == 10.0
    assert made.age(6) == 0.0, "it has been read meanwhile"
    for second in range(1, 120):
        now[0] = 40.0 + second
        made.told(6 + second, 5 + second)
    assert made.age(5 + second) <= 2.0, "a log that grows every second, read one behind"
    now[0] = 40.0
    made = Staleness(lambda: now[0])
    now[0] = 41.0
    for nonsense in (None, "7", -1, 7.0, True):
        made.told(nonsense, 100)
    assert made.age(6) == 1.0


def test_batches_are_compared_within_one_size_that_both_models_have() -> None:
    """Chosen from what came before; a size that only one of them has says nothing about the other."""
    sizes = Sizes()
    assert not any(sizes.compares(arm, 1) for arm in ("live", "candidate") for _ in range(5)), "nothing is chosen yet"
    for _ in range(20):
        sizes.compares("live", 50)
        sizes.compares("candidate", 3)
    sizes.second()
    assert [sizes.compares("live", rows) for rows in (1, 3, 50)] == [True, False, False]
    for _ in range(20):
        for arm in ("live", "candidate"):
            sizes.compares(arm, 50)
    sizes.second()
    assert [sizes.compares("candidate", rows) for rows in (1, 50, 51, 70)] == [False, True, True, False]
    for _ in range(100):
        sizes.second()
    assert not sizes.compares("live", 50), "long ago"


def test_a_label_counts_only_with_the_receipt_of_its_row(tmp_path: Path) -> None:
    """A client that guesses places labels nothing; a person who labels by file needs no receipt."""
    Answers(tmp_path, GATEWAY, MODEL, BASE).keep([(Place(seq, 0, "right"), Pair(1.0, 0.0)) for seq in range(3)])
    labels = followed(tmp_path)
    lines = [Line(f"{GATEWAY}.{seq}.0", True, "lgr2", 0, opens) for seq, opens in enumerate(("right", "made up", ""))]
    append_lines(tmp_path, lines)
    assert labels.read() == [(True, Pair(1.0, 0.0))] * 2


@pytest.mark.parametrize("difference", [0.022, -0.022, 0.4, 1.7, -1.7])
def test_small_differences_are_not_lost_to_rounding(difference: float) -> None:
    """On average each counts for what it is, clipped to one unit."""
    found = [rounded(difference) for _ in range(20_000)]
    assert sum(found) / len(found) == pytest.approx(max(-1.0, min(1.0, difference)), abs=0.002)
    assert all(abs(one * 20 - round(one * 20)) < 1e-9 and abs(one) <= 1 for one in found)


def test_a_name_that_is_no_gateways_or_a_link_leads_nowhere(tmp_path: Path) -> None:
    """Whoever writes a label does not choose which file is opened."""
    own = Answers(tmp_path, GATEWAY, MODEL, BASE)
    own.keep([(Place(1, 0), Pair(1.0, 1.0))])
    own.close()
    (tmp_path / f"rung-{'c' * 16}.sqlite").symlink_to(tmp_path / f"rung-{GATEWAY}.sqlite")
    (tmp_path / "rung-x").mkdir()
    (tmp_path / "rung-x" / f"rung-{GATEWAY}.sqlite").write_bytes((tmp_path / f"rung-{GATEWAY}.sqlite").read_bytes())
    wanted = {name: [Place(1, 0)] for name in (GATEWAY, "c" * 16, f"x/rung-{GATEWAY}")}
    found = answers.found(tmp_path, MODEL, BASE, wanted)
    assert found == {GATEWAY: [Pair(1.0, 1.0)], "c" * 16: [None], f"x/rung-{GATEWAY}": [None]}
