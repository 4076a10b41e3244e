"""What admission charges, to whom, and what it says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.errors import LockgateError
from lockgate.serve.admission.budgets import LocalBudgets
from lockgate.serve.admission.counters import Later
from lockgate.serve.clients import render_clients
from lockgate.serve.declined import Declined, unavailable
from lockgate.serve.spec import Action, Caps, Client
from tests.support.admission import WALL, Door, client

EXPIRES = {"expires": "2027-01-01T00:00:00Z"}


def refusal(door: Door, who: Client, rows: int, model: str = "flights", price: int = 1) -> Declined:
    """How these rows are refused."""
    with pytest.raises(Declined) as caught:
        door.admission.charge(who, model, rows, price=price)
    return caught.value


def test_the_rate_is_said_while_it_holds_and_when_it_is_used_up() -> None:
    """RateLimit headers on every answer; at the end 429 with Retry-After, and the waiting client passes: the row that
    the refusal cost is in the wait.
    """
    door = Door()
    assert door.admission.charge(client(), "flights", 60) == (
        ("RateLimit-Policy", '"rows";q=100;w=10'),
        ("RateLimit", '"rows";r=40;t=6'),
    )
    declined = refusal(door, client(), 60)
    assert (declined.status, declined.finding) == (429, "LG610")
    assert declined.headers == {
        "RateLimit-Policy": '"rows";q=100;w=10',
        "RateLimit": '"rows";r=39;t=7',
        "Retry-After": "3",
    }
    door.now += 2.1
    assert door.admission.charge(client(), "flights", 60)[1] == ("RateLimit", '"rows";r=0;t=10')


def test_what_never_passes_is_refused_by_size() -> None:
    """More rows than the burst, or than the model's: 413, at the price of a row; `most` told so before."""
    door = Door(caps=Caps(model_rate=1.0, max_rows=50))
    assert (refusal(door, client(), 101).status, refusal(door, client(), 101).finding) == (413, "LG606")
    assert "50 may be asked" in refusal(door, client(), 51).message
    assert door.admission.most(client()) == 50
    assert door.admission.charge(client(), "flights", 50)[1] == ("RateLimit", '"rows";r=47;t=6')
    assert Door().admission.most(client()) == 100
    poor = client(budget=30)
    assert Door((poor,)).admission.most(poor) == 30


def test_a_price_is_paid_in_rows_and_never_forbids() -> None:
    """Rows at four times the price use the rate up four times as fast; at most the whole burst is asked."""
    door = Door()
    assert door.admission.charge(client(), "flights", 10, price=4)[1] == ("RateLimit", '"rows";r=60;t=4')
    assert refusal(door, client(), 90, price=4).finding == "LG610"
    door.now += 10
    assert door.admission.charge(client(), "flights", 90, price=4)[1] == ("RateLimit", '"rows";r=0;t=10')
    assert refusal(door, client(), 25, price=4).headers["Retry-After"] == "11"


def test_one_client_uses_up_only_its_own_rate_but_the_model_s_total_holds_for_all() -> None:
    """A second client passes beside one that is above its rate; together they are held to the model's, per model."""
    other = client("lgk_" + "b" * 43, name="bob")
    door = Door((client(), other))
    door.admission.charge(client(), "flights", 100)
    assert refusal(door, client(), 1).finding == "LG610"
    assert door.admission.charge(other, "flights", 100)
    both = Door((client(), other), caps=Caps(model_rate=10.0, max_rows=100))
    both.admission.charge(client(), "flights", 70)
    declined = refusal(both, other, 70)
    assert (declined.status, declined.finding, declined.headers["Retry-After"]) == (429, "LG644", "4")
    assert both.admission.charge(other, "phishing", 70)[1] == ("RateLimit", '"rows";r=29;t=8')


def test_so_many_requests_at_once_and_no_more() -> None:
    """The third of two is refused with Retry-After, and passes once one has left; leaving too often gives nothing."""
    busy = client(in_flight=2)
    door = Door((busy,))
    door.admission.enter(busy, "predict")
    door.admission.enter(busy, "predict")
    with pytest.raises(Declined) as caught:
        door.admission.enter(busy, "predict")
    assert (caught.value.status, caught.value.finding, caught.value.headers) == (429, "LG645", {"Retry-After": "1"})
    door.admission.leave(busy)
    door.admission.enter(busy, "predict")
    for _ in range(5):
        door.admission.leave(busy)
    door.admission.enter(busy, "predict")
    door.admission.enter(busy, "predict")
    with pytest.raises(Declined):
        door.admission.enter(busy, "predict")


@pytest.mark.parametrize("action", ["predict", "label"])
def test_who_has_no_row_left_is_refused_at_the_door_and_for_nothing(action: Action) -> None:
    """429 with Retry-After and the RateLimit headers, as often as asked at no further cost; a row later it enters."""
    door = Door()
    door.admission.charge(client(), "flights", 100)
    for _ in range(50):
        with pytest.raises(Declined):
            door.admission.enter(client(), action)
    with pytest.raises(Declined) as caught:
        door.admission.enter(client(), action)
    assert (caught.value.status, caught.value.finding) == (429, "LG610")
    assert caught.value.headers == {
        "RateLimit-Policy": '"rows";q=100;w=10',
        "RateLimit": '"rows";r=0;t=10',
        "Retry-After": "1",
    }
    for _ in range(50):
        door.admission.enter(client(), "describe")
        door.admission.enter(client(), "metrics")
    door.now += 0.1
    door.admission.enter(client(), action)
    assert door.admission.charge(client(), "flights", 1)[1] == ("RateLimit", '"rows";r=0;t=10')


def test_who_is_far_above_its_rate_with_large_requests_runs_out_and_who_waits_passes() -> None:
    """Each refused charge costs a row, down to one burst below nothing; after what Retry-After says the rows pass."""
    door = Door()
    door.admission.charge(client(), "flights", 50)
    assert [refusal(door, client(), 100).finding for _ in range(500)][-1] == "LG610"
    with pytest.raises(Declined) as caught:
        door.admission.enter(client(), "predict")
    assert caught.value.headers["Retry-After"] == "11"
    door.now += int(refusal(door, client(), 100).headers["Retry-After"])
    door.admission.enter(client(), "predict")
    assert door.admission.charge(client(), "flights", 100)[1] == ("RateLimit", '"rows";r=0;t=10')


def test_a_fine_is_paid_and_never_larger_than_a_burst() -> None:
    """A body that was never charged costs its client and nobody else, and for two bursts' time at most."""
    other = client("lgk_" + "b" * 43, name="bob")
    door = Door((client(), other))
    door.admission.fine(client(), 30)
    assert door.admission.charge(client(), "flights", 10)[1] == ("RateLimit", '"rows";r=60;t=4')
    for _ in range(3):
        door.admission.fine(client(), 1_000_000)
    with pytest.raises(Declined) as caught:
        door.admission.enter(client(), "predict")
    assert caught.value.headers["Retry-After"] == "11"
    door.admission.enter(other, "predict")
    assert door.admission.charge(other, "flights", 100)
    door.now += 10.1
    door.admission.enter(client(), "predict")


def test_the_standing_that_is_said_is_never_older_than_twenty_milliseconds() -> None:
    """Within them an answer may repeat it, though rows are counted all along; what is refused or fined says it anew."""
    door = Door()

    def left() -> str:
        return dict(door.admission.charge(client(), "flights", 10))["RateLimit"]

    door.now = 4096.0
    assert [left(), left()] == ['"rows";r=90;t=1'] * 2
    door.now += 1 / 64
    assert left() == '"rows";r=90;t=1'
    door.now += 1 / 128
    assert left() == '"rows";r=60;t=4'
    assert refusal(door, client(), 100).headers["RateLimit"] == '"rows";r=59;t=5'
    assert left() == '"rows";r=49;t=6'
    door.admission.fine(client(), 1)
    assert left() == '"rows";r=38;t=7'


def test_a_budget_is_a_day_s_and_survives_a_restart(tmp_path: Path) -> None:
    """Used rows are refused until midnight UTC, also by the gateway after a crash; the day after, all pass."""
    rich = client(budget=320, burst=1000, rate=1000.0)
    door = Door((rich,), more={"budgets": LocalBudgets(tmp_path / "budgets.json", lambda: WALL)})
    assert dict(door.admission.charge(rich, "flights", 300)) == {
        "RateLimit-Policy": '"rows";q=1000;w=1, "day";q=320;w=86400',
        "RateLimit": '"rows";r=700;t=1, "day";r=20;t=46400',
    }
    declined = refusal(door, rich, 21)
    assert (declined.status, declined.finding, declined.headers["Retry-After"]) == (429, "LG646", "46400")
    again = Door((rich,), more={"budgets": LocalBudgets(tmp_path / "budgets.json", lambda: WALL)})
    assert refusal(again, rich, 21).finding == "LG646"
    assert again.admission.charge(rich, "flights", 10)
    tomorrow = Door((rich,), more={"budgets": LocalBudgets(tmp_path / "budgets.json", lambda: WALL + 46400)})
    assert tomorrow.admission.charge(rich, "flights", 320)


def test_a_refused_budget_costs_a_row_and_not_what_was_asked() -> None:
    """Without a counter every client with a budget is refused, for a row of its rate each time; others are answered."""
    rich = client(budget=100)
    door = Door((rich,))
    assert refusal(door, rich, 10).finding == "LG646"
    assert refusal(door, rich, 10).headers["RateLimit"] == '"rows";r=98;t=1'
    assert Door().admission.charge(client(), "flights", 10)
    assert "this client" not in refusal(door, rich, 101).message
    assert refusal(door, rich, 101).status == 413


def test_a_slice_is_written_ahead_and_a_clock_set_back_opens_no_day(tmp_path: Path) -> None:
    """Few writes a day; what a crash loses counts as used; yesterday's clock does not give today's rows anew."""
    now, path = [WALL], tmp_path / "budgets.json"
    budgets, rich = LocalBudgets(path, lambda: now[0]), client(budget=3200)
    assert [budgets.take(rich, 1) for _ in range(50)][-1] == 3150
    assert path.read_bytes() == b'{"day":20775,"reserved":{"ada":101},"v":1}'
    assert LocalBudgets(path, lambda: now[0]).take(rich, 1) == 3098
    now[0] -= 86400
    assert budgets.take(rich, 1) == 3149
    assert path.stat().st_mode & 0o777 == 0o600


def test_several_gateways_alone_share_by_division(tmp_path: Path) -> None:
    """With two gateways each gives half of the rate, the burst and the budget."""
    rich = client(budget=100)
    budgets = LocalBudgets(tmp_path / "b.json", lambda: WALL, share=2)
    door = Door((rich,), more={"budgets": budgets, "share": 2})
    assert refusal(door, rich, 51).status == 413
    door.now += 0.2
    assert dict(door.admission.charge(rich, "flights", 50))["RateLimit"] == '"rows";r=0;t=10, "day";r=0;t=46400'


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"",
        b'{"day":1,"reserved":{"ada":-1},"v":1}',
        b'{"day":1,"reserved":{"ada":1.5},"v":1}',
        b'{"day":"1","reserved":{},"v":1}',
        b'{"day":1,"reserved":[],"v":1}',
        b'{"day":1,"reserved":{},"v":2}',
        b'{"day":1, "reserved":{},"v":1}',
    ],
)
def test_a_malformed_count_is_not_taken_for_an_empty_one(tmp_path: Path, data: bytes) -> None:
    """LG647 at the start: nobody can say what was used."""
    path = tmp_path / "budgets.json"
    path.write_bytes(data)
    with pytest.raises(LockgateError) as caught:
        LocalBudgets(path, lambda: WALL)
    assert caught.value.finding == "LG647"


def test_a_count_that_cannot_be_written_gives_no_rows(tmp_path: Path) -> None:
    """503 LG647, until the folder is there again."""
    budgets = LocalBudgets(tmp_path / "gone" / "budgets.json", lambda: WALL)
    with pytest.raises(Declined) as caught:
        budgets.take(client(budget=10), 1)
    assert (caught.value.status, caught.value.finding) == (503, "LG647")
    (tmp_path / "gone").mkdir()
    assert budgets.take(client(budget=10), 1) == 9


class Shared:
    """Counters beyond this process that remember what they were asked."""

    def __init__(self, waits: dict[str, float] | None = None, fails: Exception | None = None) -> None:
        self.waits, self.fails = waits or {}, fails
        self.asked: list[tuple[str, int, float, int]] = []

    def take(self, key: str, rows: int, rate: float, burst: int) -> float:
        """As told."""
        if self.fails:
            raise self.fails
        self.asked.append((key, rows, rate, burst))
        return self.waits.get(key, 0.0)


@pytest.mark.parametrize(("key", "finding"), [("client:ada", "LG610"), ("model:flights", "LG644")])
def test_shared_rates_hold_too(key: str, finding: str) -> None:
    """What other gateways have used counts; the wait is theirs; the client's own rate is charged a row for it."""
    shared = Shared({key: 3.0})
    door = Door(caps=Caps(model_rate=100.0), more={"rates": shared})
    declined = refusal(door, client(), 5)
    assert (declined.finding, declined.headers["Retry-After"]) == (finding, "3")
    assert declined.headers["RateLimit"] == '"rows";r=99;t=1'
    shared.waits = {}
    shared.asked.clear()
    assert door.admission.charge(client(), "flights", 5, price=4)
    assert shared.asked == [("client:ada", 20, 10.0, 100), ("model:flights", 5, 100.0, 10_000)]


def test_what_the_shared_counters_raise_is_passed_on_and_nothing_is_charged() -> None:
    """503 when they are closed; Later when they must be asked first: then nothing was counted yet."""

    def later(*_: object) -> None:
        raise Later(lambda _retry: None)

    closed = Door(more={"rates": Shared(fails=unavailable("LG612", "closed"))})
    assert refusal(closed, client(), 5).status == 503
    asked = Door(more={"ready": later})
    with pytest.raises(Later):
        asked.admission.charge(client(), "flights", 5)
    asked.admission._ready = None
    assert asked.admission.charge(client(), "flights", 5)[1] == ("RateLimit", '"rows";r=95;t=1')


def test_a_reload_keeps_what_was_used_and_drops_who_is_gone() -> None:
    """Rate and requests under way stay with the name; who is listed no more may do nothing."""
    door = Door()
    door.admission.charge(client(), "flights", 90)
    door.admission.enter(client(), "predict")
    door.admission.reload("clients", render_clients([client(in_flight=1)]))
    assert refusal(door, client(), 20).finding == "LG610"
    with pytest.raises(Declined, match="under way"):
        door.admission.enter(client(), "predict")
    door.admission.reload("clients", b"")
    for step in (
        lambda: door.admission.enter(client(), "predict"),
        lambda: door.admission.authorise(client(), "predict", None),
        lambda: door.admission.charge(client(), "flights", 1),
        lambda: door.admission.most(client()),
    ):
        with pytest.raises(Declined) as caught:
            step()
        assert (caught.value.status, caught.value.finding) == (403, "LG602")
    door.admission.leave(client())
    door.admission.fine(client(), 5)


def test_when_clients_end_is_told() -> None:
    """The end of each client that is let in, infinite without one; a revoked one is told no more."""
    more = {"revoked": "2026-01-01T00:00:00Z"}
    named = [client(f"lgk_{n}" * 9 + "aa", name=n, **changes) for n, changes in (("b", EXPIRES), ("c", EXPIRES | more))]
    assert Door((client(), *named)).admission.ends() == [float("inf"), 1_798_761_600.0]


def test_a_broken_reload_keeps_what_there_was() -> None:
    """A malformed registry is refused, and the key still counts; so it is with tokens."""
    door = Door()
    for name, data in (("clients", b"{}"), ("tokens", b"{}")):
        with pytest.raises(LockgateError):
            door.admission.reload(name, data)
    assert door.asks().name == "ada"
    with pytest.raises(ValueError, match="nothing of"):
        door.admission.reload("roles", b"")
