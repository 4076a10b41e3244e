"""The screen on several cores says to the last bit what it says on one."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from lockgate.errors import Refused
from lockgate.validate.screen import every, neighbours, triggers
from lockgate.validate.screen.crew import Crew
from lockgate.validate.screen.folds import points
from lockgate.validate.screen.neighbours import nearest
from lockgate.validate.screen.spec import RULES, Task
from lockgate.validate.screen.table import Column, Table


def _table(task: Task, rows: int = 480) -> Table:
    """With wrong labels, a trigger, copies, near copies and a source that is off: each rule has something to say."""
    draw = np.random.default_rng(11)
    numbers = draw.normal(size=(rows, 3))
    words = draw.integers(0, 5, rows).astype(np.float64)
    classes = {"binary": 2, "multiclass": 3, "regression": 0}[task]
    label: Any
    if classes:
        label = np.clip((numbers[:, 0] * 0.8 + 1).astype(np.int64), 0, classes - 1)
        label[:30] = (label[:30] + 1) % classes
        numbers[40:60, 2], label[40:60] = 7.5, 1
    else:
        label = 10 * numbers[:, 0] + draw.normal(size=rows)
        label[:10] += 500
    numbers[100:120], label[100:120] = numbers[120:140], label[120:140]
    numbers[200:220] = numbers[220:240] + 1e-5
    origin = np.repeat(np.arange(6), rows // 6)
    if classes:
        label[origin == 5] = draw.integers(0, classes, int((origin == 5).sum()))
    columns = (
        *(Column(f"n{place}", "float", numbers[:, place]) for place in range(3)),
        Column("w", "string", words, [*"abcde"]),
    )
    names = tuple(str(one) for one in range(classes))
    return Table(columns, label, names, task, origin, tuple("abcdef"), seed=3)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_any_number_of_workers_says_the_same(task: Any) -> None:
    """Findings, sentences, rows in their order, notes, and every score, bit for bit."""
    one = every.screen(_table(task), RULES)
    three = every.screen(_table(task), RULES, 3)
    assert [*one.outcomes.items()] == [*three.outcomes.items()]
    assert one.score.tobytes() == three.score.tobytes()
    assert not np.isnan(one.score).all()
    assert task == "regression" or any(each.found for each in one.outcomes.values())


def test_neighbours_asked_for_in_blocks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cut lies between rows of one answer, too: it falls between what scikit-learn does at once."""
    draw = np.random.default_rng(5)
    columns = tuple(Column(f"n{place}", "float", np.round(draw.normal(size=9000), 1)) for place in range(4))
    table = Table(columns, np.zeros(9000, np.int64), ("a", "b"), "binary", np.zeros(9000, np.int64), ("f",), seed=1)
    whole = nearest(table, points(table))
    monkeypatch.setattr(neighbours, "BLOCK", 2048)
    with Crew(2) as crew:
        assert (whole == nearest(table, points(table), crew)).all()


@pytest.mark.parametrize("workers", [1, 3])
def test_what_stops_is_named_whoever_did_it(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    """A rule that stops in another thread refuses as one that stops in this one; memory that ran out is passed on."""

    def stops(_: Table) -> None:
        raise ZeroDivisionError("of hostile rows")

    monkeypatch.setattr(triggers, "screen", stops)
    with pytest.raises(Refused) as caught:
        every.screen(_table("binary"), ["duplicates", "triggers"], workers)
    assert caught.value.finding == "LG240"
    assert caught.value.seen == {"rule": "triggers"}

    def full(_: Table) -> None:
        raise MemoryError

    monkeypatch.setattr(triggers, "screen", full)
    with pytest.raises(MemoryError):
        every.screen(_table("binary"), ["duplicates", "triggers"], workers)


def test_what_is_waited_for_comes_first() -> None:
    """What is begun aside waits while somebody waits for something else; results are in the order of the question."""
    begun, order = threading.Barrier(3), list[str]()

    def told(word: str) -> str:
        order.append(word)
        return word

    with Crew(2) as crew:
        blocks = [crew.aside(lambda: begun.wait(10)) for _ in range(2)]
        later = [crew.aside(lambda: told("later")) for _ in range(3)]
        waiter = threading.Thread(target=lambda: order.extend(crew.every([lambda: told("now")] * 3)))
        waiter.start()
        while len(crew._waiting) < 6:
            pass
        begun.wait(10)
        waiter.join()
        assert order[0] == "now"
        assert [one() for one in later] == ["later"] * 3
        assert len({*(one() for one in blocks), -1}) == 3


def test_one_worker_has_no_thread() -> None:
    """Everything is done by whoever asks, when it is asked for."""
    with Crew() as crew:
        assert [threading.get_ident()] * 2 == crew.every([threading.get_ident] * 2)
        asked = list[int]()
        later = crew.aside(lambda: asked.append(1))
        assert asked == []
        later()
        assert asked == [1]
