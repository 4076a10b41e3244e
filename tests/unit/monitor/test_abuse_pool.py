"""Neighbourhoods that several clients feel out together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from lockgate.monitor.abuse.coded import Coded, compared
from lockgate.monitor.abuse.near import EDIT, NEW, PROBE, REPEAT, Near
from lockgate.monitor.abuse.pool import BAR, FAIR, LEAST, LONGEST_NAME, MOST, MOST_CLIENTS, Pool
from lockgate.monitor.abuse.population import CodedField, NearFacts, Population
from lockgate.monitor.abuse.said import Said

FIELDS = 12
POPULATION = Population(
    fields=tuple(CodedField(f"f{place}", "category") for place in range(FIELDS)),
    near=NearFacts(within=((4, 12, 30),) * FIELDS, same=(2,) * FIELDS, points=24, share=10, edits=10),
)
Ranks = npt.NDArray[np.int64]


def coded(ranks: Ranks) -> Coded:
    """Rows of these ranks; equal only where they are."""
    clipped = np.clip(ranks, 0, 250)
    exact = (clipped * 7919 % 65536).astype(np.uint32)
    return Coded(clipped.astype(np.uint8), exact, compared(exact))


def said(rows: int) -> Said:
    """The same of all."""
    return Said(np.zeros(rows, np.int32), np.full(rows, 0.5, np.float32))


def anywhere(draw: np.random.Generator, rows: int) -> Ranks:
    """Rows that have nothing to do with each other."""
    return draw.integers(0, 251, (rows, FIELDS))


def around(draw: np.random.Generator, row: Ranks, rows: int) -> Ranks:
    """Many fields moved a little."""
    return row + draw.integers(-3, 4, (rows, FIELDS))


def raised(pool: Pool, ranks: Ranks, clients: list[str], kind: int = PROBE) -> list[str]:
    """Everybody whom these rows raise."""
    found = pool.take(coded(ranks), said(len(ranks)), clients, np.full(len(ranks), kind, np.uint8))
    return [name for together, _ in found for name in together]


def stream(clients: dict[str, Near], pool: Pool, ranks: Ranks, names: list[str]) -> list[str]:
    """Rows as the gateway sees them: each by its client's own detector first, then by what all share."""
    found: list[str] = []
    for row, name in zip(ranks, names, strict=True):
        one = coded(row[None])
        kinds = clients.setdefault(name, Near(POPULATION, np.random.default_rng(0))).take(one, said(1))
        found += [each for together, _ in pool.take(one, said(1), [name], kinds) for each in together]
    return found


def test_an_attack_that_is_split_over_ten_keys_is_seen_though_none_of_them_is() -> None:
    """Ten clients feel around one row in turn: all are named before any of them is over a bar of its own."""
    draw = np.random.default_rng(1)
    asked = around(draw, anywhere(draw, 1)[0], 60)
    clients: dict[str, Near] = {}
    found = stream(clients, Pool(POPULATION), asked, [f"c{row % 10}" for row in range(60)])
    assert {f"c{place}" for place in range(10)} == {*found}
    assert not any(near.raised for near in clients.values())


def test_customers_and_rows_that_all_of_them_ask_are_no_cluster() -> None:
    """Twenty clients that ask rows of their own, and again and again the same ten popular ones, are not named."""
    draw = np.random.default_rng(2)
    popular = anywhere(draw, 10)
    rows = np.where(draw.random((2000, 1)) < 0.5, popular[draw.integers(10, size=2000)], anywhere(draw, 2000))
    assert not stream({}, Pool(POPULATION), rows, [f"c{place}" for place in draw.integers(20, size=2000)])


def test_nobody_is_drawn_into_a_cluster_by_what_others_send_near_his_rows() -> None:
    """A victim asks its rows as ever; two attackers, who know them, probe around them: they alone are named."""
    draw = np.random.default_rng(3)
    book = anywhere(draw, 5)
    names, rows = [], []
    for turn in range(400):
        victim = turn % 4 == 0
        names.append("victim" if victim else f"attacker-{turn % 2}")
        rows.append(book[turn // 4 % 5] if victim else around(draw, book[0], 1)[0])
    assert {"attacker-0", "attacker-1"} == {*stream({}, Pool(POPULATION), np.array(rows), names)}
    # Without the rule that a row must be a probe in its own client's stream, the victim is named with them.
    assert "victim" in raised(Pool(POPULATION), np.array(rows), names)


def test_only_probes_are_looked_at() -> None:
    """The same rows raise as probes, and do not as new ones, repeats or edits."""
    draw = np.random.default_rng(4)
    asked = around(draw, anywhere(draw, 1)[0], 100)
    names = [f"c{row % 2}" for row in range(100)]
    assert raised(Pool(POPULATION), asked, names) == ["c0", "c1"]
    for kind in (NEW, REPEAT, EDIT):
        assert raised(Pool(POPULATION), asked, names, kind) == []


def test_one_client_alone_is_no_cluster() -> None:
    """However much one client probes: that is for its own detector to say."""
    draw = np.random.default_rng(5)
    assert raised(Pool(POPULATION), around(draw, anywhere(draw, 1)[0], 500), ["c"] * 500) == []


def test_probes_that_are_not_near_each_other_add_up_to_nothing() -> None:
    """Two clients that probe in a hundred places, a few times in each, are in no cluster."""
    draw = np.random.default_rng(6)
    rows = np.concatenate([around(draw, row, 10) for row in anywhere(draw, 100)])
    assert raised(Pool(POPULATION), rows, ["a", "b"] * 500) == []


def test_the_bar() -> None:
    """With one probe less than BAR nobody is named, and with it both; evidence is counts."""
    draw = np.random.default_rng(7)
    asked = around(draw, anywhere(draw, 1)[0], BAR)
    pool, names = Pool(POPULATION), [f"c{row % 2}" for row in range(BAR)]
    assert raised(pool, asked[:-1], names[:-1]) == []
    ((together, said_of),) = pool.take(coded(asked[-1:]), said(1), names[-1:], np.full(1, PROBE, np.uint8))
    assert (together, said_of.rule, dict(said_of.evidence)) == (("c0", "c1"), "shared", {"clients": 2, "probes": BAR})


def test_who_comes_later_is_named_later_and_each_once() -> None:
    """A third client is named with its own probes; those who were named are not named again."""
    draw = np.random.default_rng(8)
    row, pool = anywhere(draw, 1)[0], Pool(POPULATION)
    assert raised(pool, around(draw, row, 40), ["a", "b"] * 20) == ["a", "b"]
    assert raised(pool, around(draw, row, 40), ["c"] * 40) == ["c"]
    assert raised(pool, around(draw, row, 30), ["a", "b", "c"] * 10) == []


def test_who_sent_far_less_than_the_others_is_not_named() -> None:
    """LEAST probes among many: less than a fourth of the mean of those who are there."""
    draw = np.random.default_rng(9)
    row = anywhere(draw, 1)[0]
    names = ["a", "b"] * 40 + ["c"] * LEAST
    assert raised(Pool(POPULATION), around(draw, row, len(names)), names) == ["a", "b"]
    assert len(names) / 3 / FAIR > LEAST


def test_a_cleared_client_begins_anew() -> None:
    """After `forget` it is named again only for what it does then."""
    draw = np.random.default_rng(10)
    row, pool = anywhere(draw, 1)[0], Pool(POPULATION)
    assert raised(pool, around(draw, row, 40), ["a", "b"] * 20) == ["a", "b"]
    pool.forget("a")
    assert raised(pool, around(draw, row, 1), ["a"]) == []
    assert raised(pool, around(draw, row, 40), ["a"] * 40) == ["a"]


def test_a_neighbourhood_outlives_many_others() -> None:
    """One probe of the attack among twenty that are each alone: it is seen all the same."""
    draw = np.random.default_rng(11)
    row, pool, found = anywhere(draw, 1)[0], Pool(POPULATION), []
    for turn in range(4 * BAR):
        raised(pool, anywhere(draw, 20), [f"other-{one}" for one in range(20)])
        found += raised(pool, around(draw, row, 1), [f"attacker-{turn % 5}"])
    assert len({*found}) == 5
    assert all(name.startswith("attacker") for name in found)


def test_a_pause_does_not_hide_a_neighbourhood() -> None:
    """Half of the probes, hundreds of places that are each probed once, and the other half: it is seen."""
    draw = np.random.default_rng(13)
    row, pool, half = anywhere(draw, 1)[0], Pool(POPULATION), BAR // 2
    assert raised(pool, around(draw, row, half), ["a", "b"] * (half // 2)) == []
    assert raised(pool, anywhere(draw, 2 * MOST), [f"other-{one}" for one in range(2 * MOST)]) == []
    assert raised(pool, around(draw, row, half), ["a", "b"] * (half // 2)) == ["a", "b"]


def test_a_table_full_of_what_was_once_gives_way() -> None:
    """Every place was probed five times; a new attack, one probe in four, is seen all the same, in time."""
    draw = np.random.default_rng(14)
    pool, row, found = Pool(POPULATION), anywhere(draw, 1)[0], []
    raised(pool, np.repeat(anywhere(draw, MOST), 5, axis=0), ["old"] * (5 * MOST))
    for turn in range(2 * MOST):
        raised(pool, anywhere(draw, 3), ["other"] * 3)
        found += raised(pool, around(draw, row, 1), [f"attacker-{turn % 2}"])
    assert sorted(found) == ["attacker-0", "attacker-1"]


def test_memory_is_bounded_whatever_comes() -> None:
    """Thousands of clients with long names, in thousands of places, many in one: no more is kept than is said."""
    draw = np.random.default_rng(12)
    pool, row = Pool(POPULATION), anywhere(draw, 1)[0]
    for turn in range(3):
        raised(pool, anywhere(draw, 1500), [f"{'x' * 1000}{turn}-{one}" for one in range(1500)])
        raised(pool, around(draw, row, 400), [f"{turn}-{one}-{'x' * 1000}" for one in range(400)])
    assert MOST == len(pool._clients) == pool._ranks.shape[1]
    assert max(map(len, pool._clients)) == MOST_CLIENTS
    assert all({*named} <= {*clients} for named, clients in zip(pool._named, pool._clients, strict=True))
    assert max(len(name) for clients in pool._clients for name in clients) == LONGEST_NAME


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.booleans()), max_size=120),
    st.integers(1, 50),
)
def test_blocks_make_no_difference(seed: int, rows: list[tuple[int, int, bool]], size: int) -> None:
    """Whom rows raise does not depend on how they are cut into blocks."""
    draw = np.random.default_rng(seed)
    places = anywhere(draw, 4)
    asked = np.array([around(draw, places[place], 1)[0] for place, _, _ in rows]).reshape(-1, FIELDS)
    names = [f"c{client}" for _, client, _ in rows]
    kinds = np.array([PROBE if probes else NEW for _, _, probes in rows], np.uint8)

    def run(size: int) -> list[tuple[tuple[str, ...], int]]:
        pool, found = Pool(POPULATION), []
        for first in range(0, len(rows), size):
            part = slice(first, first + size)
            block = coded(asked[part])
            found += pool.take(block, said(len(block.ranks)), names[part], kinds[part])
        return [(together, one.evidence["probes"]) for together, one in found]

    assert run(len(rows) or 1) == run(size)
