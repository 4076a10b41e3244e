"""The parts of looking for who tries the model: standings, what waits, who is remembered, what was given away."""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.encoding import encode
from lockgate.core.record_suspicion import RULES, SCOPES
from lockgate.errors import VerificationFailed
from lockgate.monitor.abuse import leak
from lockgate.serve.abuse import standing
from lockgate.serve.abuse.entities import MOST_TOGETHER, Groups, Kept, prefix_of
from lockgate.serve.abuse.spent import BITS, DAY_MS, Spent, account_of
from lockgate.serve.abuse.standing import NOBODY, STEP_ROWS, Standing, levels, raised, ruled, went_on
from lockgate.serve.abuse.waiting import (
    MOST_BYTES,
    MOST_OF_ONE,
    MOST_OF_REQUEST,
    MOST_ROWS,
    WORTH_ROWS,
    WORTH_SECONDS,
    Waiting,
)
from lockgate.serve.spec import Answer
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule
from tests.support import engines

NOON = 20_000 * DAY_MS + DAY_MS // 2
QUIETLY = AbuseRule("limit", "coarsen")

rules_ = st.builds(AbuseRule, st.sampled_from(["observe", "limit"]), st.sampled_from(["off", "coarsen", "slow"]))
policies = st.builds(AbusePolicy, shared=st.sampled_from(["observe", "respond"]))


def test_each_step_is_one_up_and_needs_more_rows() -> None:
    """Told, then quiet, then limited; what the policy does not ask for is passed over."""
    known = levels("client", QUIETLY, AbusePolicy())
    assert known == (1, 2, 3)
    one = raised(NOBODY, "near", 5)
    assert (one.level, one.rules, one.since) == (1, ("near",), 5)
    assert went_on(one, STEP_ROWS - 1, known).level == 1
    two = went_on(one, 10 * STEP_ROWS, known)
    assert (two.level, went_on(two, STEP_ROWS, known).level) == (2, 3)
    assert went_on(one, STEP_ROWS, levels("client", AbuseRule("limit"), AbusePolicy())).level == 3
    assert levels("client", AbuseRule(), AbusePolicy()) == (1,)


@given(rules_, policies, st.sampled_from(SCOPES), st.lists(st.sampled_from(RULES) | st.integers(0, 99), max_size=20))
def test_a_standing_climbs_by_one_level_that_the_policy_knows(
    rule: AbuseRule, policy: AbusePolicy, scope: str, events: list[str | int]
) -> None:
    """Whatever comes: never down, never past the policy, and never from nothing without a suspicion."""
    known, now = levels(scope, rule, policy), NOBODY
    if scope in ("address", "cluster") and policy.shared == "observe":
        assert known == (1,)
    for at, event in enumerate(events):
        before = now
        now = raised(now, event, at) if isinstance(event, str) else went_on(now, event, known)
        assert now.level in (0, *known)
        assert now.level >= before.level
        assert [level for level in known if before.level < level < now.level] == []
        assert now.suspected == bool(now.rules)


@given(rules_, st.integers(1, 3))
def test_a_milder_policy_brings_down_and_never_up(rule: AbuseRule, level: int) -> None:
    """To what it still asks for; a suspicion stays one."""
    known = levels("client", rule, AbusePolicy())
    after = ruled(Standing(level, ("near",), 1), known)
    assert 1 <= after.level <= level
    assert after.level in known


def asked(name: str, rows: int, size: int = 7) -> tuple[Any, Answer]:
    """A request that was answered."""
    one = engines.asked(*[float(row) for row in range(rows)], name=name)
    one.given.canonical = [b"x" * size] * rows
    raw = [{"label": True}] * rows
    return one, Answer(engines.SERVED, raw, [b"{}"] * rows, (), "", raw)


def test_a_flood_of_one_does_not_hide_another() -> None:
    """What waits is bounded for each client and for all; of a large request a part is looked at, from anywhere."""
    waiting = Waiting(random.Random(1))
    taken = sum(waiting.take(*asked("mal", 100), 0.0) for _ in range(1000))
    assert MOST_OF_ONE // 2 <= taken <= MOST_OF_ONE + 100
    assert waiting.take(*asked("ada", 50), 0.0) == 50
    assert waiting.take(*asked("bob", 20_000), 0.0) == MOST_OF_REQUEST
    firsts = set()
    for _ in range(20):
        other = Waiting()
        other.take(*asked("bob", 20_000), 0.0)
        firsts.add(other.chunk(1, 99.0)[0].values)
    assert len(firsts) > 10
    for number in range(1000):
        waiting.take(*asked(f"c{number}", 100), 0.0)
    assert len(waiting) <= MOST_ROWS + 100


def test_what_is_left_out_is_left_out_by_chance() -> None:
    """At three quarters about half of the requests are taken in: nobody can send his rows where none are looked at."""
    waiting = Waiting(random.Random(3))
    while len(waiting) < MOST_OF_ONE * 3 // 4:
        waiting.take(*asked("mal", 1), 0.0)
    before = len(waiting)
    found = []
    for _ in range(400):
        found.append(waiting.take(*asked("mal", 1), 0.0))
        if found[-1]:
            waiting.chunk(1, 99.0)
    assert before == len(waiting)
    assert 140 < sum(found) < 260
    assert max(map(len, "".join(map(str, found)).split("1"))) < 30


def test_rows_are_handed_on_by_the_client() -> None:
    """Many of one at once; a few when they have waited; each client's in their order, and who waits longest first."""
    waiting = Waiting()
    for at in range(WORTH_ROWS):
        waiting.take(*asked("ada", 1), 0.1 * at)
        if at < 3:
            waiting.take(*asked(f"c{at}", 2), 0.0)
    assert waiting.due(0.0)
    assert {row.client.name for row in waiting.chunk(512, 0.0)} == {"ada"}
    assert not waiting.due(0.1)
    assert waiting.chunk(512, 0.1) == []
    assert waiting.due(WORTH_SECONDS)
    assert [row.client.name for row in waiting.chunk(512, WORTH_SECONDS)] == ["c0", "c0", "c1", "c1", "c2", "c2"]
    assert (len(waiting), waiting.due(9.0)) == (0, False)
    waiting.take(*asked("ada", 300), 0.0)
    values = [row.values[0] for at in range(4) for row in waiting.chunk(90, 9.0 + at)]
    assert values == sorted(values)
    assert len(values) == 300


def test_long_texts_are_cut_and_bytes_are_bounded() -> None:
    """Whoever sends megabytes gets no more of the gateway than others do."""
    waiting = Waiting()
    one, answer = asked("mal", 2, size=5_000_000)
    one.given.values = [("y" * 5_000_000,)] * 2
    assert waiting.take(one, answer, 0.0) == 1
    (row,) = waiting.chunk(10, 99.0)
    assert len(row.values[0]) < 2000
    assert MOST_BYTES > 5_000_000


@dataclass
class Key:
    """Of one."""

    suspected: bool = False


def test_who_is_suspected_is_never_let_go_of() -> None:
    """Others are, the oldest first, and it is counted; where all are suspected there is no place: counted too."""
    kept: Kept[Key] = Kept(3)
    for name in ("a", "b", "c"):
        kept.use((0, "client", name), Key)
    kept.get((0, "client", "a")).suspected = True  # type: ignore[union-attr]
    kept.use((0, "client", "b"), Key)
    kept.use((0, "client", "d"), Key)
    assert kept.get((0, "client", "a")) is not None
    assert kept.get((0, "client", "c")) is None
    assert (kept.evicted, kept.refused, len(kept)) == (1, 0, 3)
    for name in ("b", "d"):
        kept.get((0, "client", name)).suspected = True  # type: ignore[union-attr]
    assert kept.use((0, "client", "e"), Key) is None
    assert (kept.evicted, kept.refused, len(kept)) == (1, 1, 3)


def test_an_address_tells_something_where_a_few_share_it() -> None:
    """One client alone is known already; a proxy's address is nobody's. What is kept of one is a keyed hash."""
    groups, others = Groups(b"k" * 32), Groups(b"l" * 32)
    place = groups.place("192.0.2.7")
    assert place == groups.place("192.0.2.200") != groups.place("192.0.3.7")
    assert place != others.place("192.0.2.7")
    assert not groups.joined(place, {"a"})
    assert groups.joined(place, {"b"})
    assert groups.members(place) == ("a", "b")
    assert not groups.joined(place, {f"c{number}" for number in range(MOST_TOGETHER)})
    assert "" == groups.place("") == groups.place("unix")
    assert not groups.organised("acme", {"a"})
    assert groups.organised("acme", {"b"})


def test_a_prefix_is_what_one_customer_gets() -> None:
    """/24 and /48; an IPv4 address in its IPv6 form is the IPv4 address."""
    assert "192.0.2.0/24" == prefix_of("192.0.2.77") == prefix_of("::ffff:192.0.2.1")
    assert "2001:db8:1::/48" == prefix_of("2001:db8:1:2::3") == prefix_of("2001:db8:1:ffff::%eth0")


def test_prices_are_those_of_the_detectors() -> None:
    """What nobody looked at costs as much as a new row that is ordinary."""
    assert BITS == leak.FORMS


def test_an_organisation_has_one_account() -> None:
    """However many keys it has."""
    alone, member = engines.client("ada"), engines.client("ada", organisation="acme")
    assert (account_of(alone), account_of(member)) == ("c:ada", "o:acme")


def test_caps_are_by_day_and_for_ever(tmp_path: Path) -> None:
    """A day ends at midnight UTC; a clock that is set back opens none."""
    spent = Spent(tmp_path / "abuse-dev-0.json")
    caps = (100, 250)
    assert spent.charge("m", "c:ada", 99, caps, NOON) == ""
    assert spent.charge("m", "c:ada", 1, caps, NOON) == "leak-day"
    assert spent.counts("m", "c:ada", "leak-day", caps) == {"bits": 100, "cap": 100}
    assert spent.enough("m", "c:ada", caps, NOON - DAY_MS) == "leak-day"
    assert spent.charge("m", "c:ada", 90, caps, NOON + DAY_MS) == ""
    assert spent.charge("m", "c:ada", 60, caps, NOON + 2 * DAY_MS) == "leak-life"
    assert spent.charge("m", "c:bob", 10, caps, NOON) == ""
    assert spent.charge("other", "c:ada", 10, caps, NOON) == ""
    assert spent.charge("m", "c:carl", 1e9, (0, 0), NOON) == ""


@given(st.lists(st.floats(0.1, 60), min_size=1, max_size=40), st.sampled_from([1, 2, 4]))
def test_a_restart_gives_nothing_back(tmp_path_factory: pytest.TempPathFactory, bits: list[float], share: int) -> None:
    """Written whenever it is wanted, and restarted as often: no more is ever given than the share of the cap."""
    path = tmp_path_factory.mktemp("spent") / "abuse-dev-0.json"
    cap = 400
    spent, given_away = Spent(path, share), 0.0
    for one in bits:
        if spent.enough("m", "c:ada", (0, cap), NOON):
            break
        spent.charge("m", "c:ada", one, (0, cap), NOON)
        given_away += one
        if spent.wanted:
            spent.write(spent.render((0, cap)))
        spent = Spent(path, share)
    assert given_away < cap // share + 60


def test_no_more_is_kept_than_needed_and_an_untouched_budget_is_not_used_up(tmp_path: Path) -> None:
    """Bits are written ahead of those that are used, below the cap."""
    path = tmp_path / "abuse-dev-0.json"
    spent = Spent(path)
    spent.charge("m", "c:ada", 1, (10, 50), NOON)
    spent.write(spent.render((10, 50)))
    assert path.stat().st_mode & 0o777 == 0o600
    assert Spent(path).enough("m", "c:ada", (10, 50), NOON) == ""


def test_a_gateway_that_is_no_more_leaves_what_it_gave(tmp_path: Path) -> None:
    """Its file is taken over once, and goes."""
    gone = tmp_path / "abuse-dev-1.json"
    before = Spent(gone, 2)
    before.charge("m", "c:ada", 60, (0, 100), NOON)
    before.write(before.render((0, 100)))
    spent = before
    for _ in range(2):
        spent = Spent(tmp_path / "abuse-dev-0.json", 1, [gone])
        assert not gone.exists()
        assert spent.enough("m", "c:ada", (0, 100_000), NOON) == ""
    assert spent.charge("m", "c:ada", 45, (0, 100), NOON) == "leak-life"


def test_a_clear_counts_once(tmp_path: Path) -> None:
    """What was given away before it is forgotten; after a restart the same word of an operator forgets nothing more."""
    path = tmp_path / "abuse-dev-0.json"
    spent = Spent(path)
    spent.charge("m", "c:ada", 100, (0, 100), NOON)
    assert spent.clear("c:ada", NOON + 1000, NOON + 500)
    assert spent.enough("m", "c:ada", (0, 100), NOON) == ""
    spent.charge("m", "c:ada", 100, (0, 100), NOON + 800)
    spent.write(spent.render((0, 100)))
    again = Spent(path)
    assert not again.clear("c:ada", NOON + 1000, NOON + 5000)
    assert again.enough("m", "c:ada", (0, 100), NOON) == "leak-life"


GOOD: dict[str, Any] = {"held": [], "leaks": {"m": {"c:ada": [1, 2, 3, 4]}}, "v": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        encode({**GOOD, "v": 2}),
        encode({**GOOD, "more": 1}),
        encode({**GOOD, "leaks": []}),
        encode({**GOOD, "leaks": {"m": {"c:ada": [1, 2, 3]}}}),
        encode({**GOOD, "leaks": {"m": {"c:ada": [1, 2, -3, 4]}}}),
        encode({**GOOD, "leaks": {"m": {"c:ada": [1, 2.5, 3, 4]}}}),
        encode({**GOOD, "held": {}}),
        encode(GOOD) + b"\n",
    ],
)
def test_a_malformed_file_is_not_taken_for_an_empty_one(tmp_path: Path, data: bytes) -> None:
    """LG6107: it cannot be told what was given away; and a good one is read."""
    path = tmp_path / "abuse-dev-0.json"
    path.write_bytes(encode(GOOD))
    assert Spent(path).known() == [("m", "c:ada")]
    path.write_bytes(data)
    with pytest.raises(VerificationFailed) as caught:
        Spent(path)
    assert (caught.value.finding, "abuse-dev-0.json" in caught.value.next) == ("LG6107", True)


def test_numpy_stays_out_until_it_is_needed() -> None:
    """What a gateway imports at its start has none: it costs a tenth of a second."""
    import subprocess  # another interpreter, for this one has it

    code = "import sys; import lockgate.serve.abuse.abuse; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert Counter(standing.__dict__)["np"] == 0
