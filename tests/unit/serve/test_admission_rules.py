"""Rate, addresses and names of admission, as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.serve.admission.rules import Addresses, Meter, names_of, neighbourhood
from lockgate.serve.http import Certificate


def test_the_burst_passes_and_then_the_rate_holds() -> None:
    """Five rows at once, then one a second; the refusal says when to come again, and the whole burst comes back."""
    meter = Meter(1.0, 5)
    for left in (4, 3, 2, 1, 0):
        assert meter.wait(100.0, 1) == 0.0
        meter.take(100.0, 1)
        assert left == meter.left(100.0)
    assert meter.wait(100.0, 1) == pytest.approx(1.0, abs=1e-3)
    assert meter.wait(101.0, 1) == 0.0
    assert meter.reset(100.0) == 5
    assert (meter.left(105.0), meter.reset(105.0)) == (5, 0)


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(1, 20)), max_size=60),
    st.floats(0.1, 1000),
    st.integers(20, 200),
)
def test_never_more_rows_than_burst_and_rate_allow(steps: list[tuple[float, int]], rate: float, burst: int) -> None:
    """Whatever the order of calls, what passed by any moment is at most burst + rate x time; a wait is long enough."""
    now, passed, start, meter = 1.7e9, 0, 1.7e9, Meter(rate, burst)
    for pause, rows in steps:
        now += pause
        wait = meter.wait(now, rows)
        if wait:
            assert meter.wait(now + wait + 1e-3, rows) == 0.0
        else:
            meter.take(now, rows)
            passed += rows
        assert passed <= burst + rate * (now - start) + 1e-3 * rate + 1
        assert 0 <= meter.left(now) <= burst


@given(
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 500), st.booleans()), max_size=40),
    st.floats(0.1, 1000),
    st.integers(1, 60),
)
def test_spent_is_when_one_row_would_wait_and_a_fine_gives_nothing_back(
    steps: list[tuple[float, int, bool]], rate: float, burst: int
) -> None:
    """`spent` says what `wait` says of one row; a fine never frees a row, and two bursts' time pays any of them."""
    now, meter = 5e5, Meter(rate, burst)
    for pause, rows, fined in steps:
        now += pause
        before = meter.wait(now, burst)
        if fined:
            meter.fine(now, rows)
            assert before <= meter.wait(now, burst) <= 2 * burst / rate + 1e-3
        elif not meter.wait(now, rows):
            meter.take(now, rows)
        assert meter.spent(now) == (meter.wait(now, 1) > 0)
    assert meter.wait(now + 2 * burst / rate + 1e-3, burst) == 0


def test_a_fine_frees_nobody_whose_burst_was_made_smaller() -> None:
    """What was used under a larger burst stays used."""
    meter = Meter(1.0, 100)
    meter.take(50.0, 100)
    smaller = meter.renewed(1.0, 10)
    smaller.fine(50.0, 1)
    assert smaller.wait(50.0, 10) == pytest.approx(100.0, abs=1e-3)


@given(st.integers(1, 200), st.integers(1, 50))
def test_what_is_left_would_pass(burst: int, used: int) -> None:
    """`left` is what passes now: so many rows do, one more does not."""
    meter = Meter(7.0, burst)
    meter.take(50.0, min(used, burst))
    left = meter.left(50.3)
    assert left == 0 or meter.wait(50.3, left) == 0.0
    assert meter.wait(50.3, left + 1) > 0.0


def test_other_limits_forget_nothing() -> None:
    """A reload with another rate keeps what was used."""
    meter = Meter(1.0, 5)
    meter.take(100.0, 5)
    assert meter.renewed(1.0, 5).left(100.0) == 0
    assert meter.renewed(1.0, 10).left(100.0) == 5


def test_an_address_is_silenced_and_heard_again() -> None:
    """Its burst of failures passes, the next waits; its neighbour is heard, and so is it after the wait."""
    addresses = Addresses(2, 8, 4, b"salt")
    for _ in range(2):
        assert addresses.wait("192.0.2.1", 100.0) == 0.0
        addresses.charge("192.0.2.1", 100.0)
    wait = addresses.wait("192.0.2.1", 100.0)
    assert wait == pytest.approx(2.0, abs=1e-3)
    assert addresses.wait("192.0.2.2", 100.0) == 0.0
    assert addresses.wait("192.0.2.1", 100.0 + wait) == 0.0


def test_a_debt_is_bounded() -> None:
    """Nobody is silenced for longer than a whole burst takes, however much was charged."""
    addresses = Addresses(2, 8, 4, b"salt")
    for _ in range(100):
        addresses.charge("192.0.2.1", 100.0)
    assert addresses.wait("192.0.2.1", 104.0) == 0.0


def test_many_addresses_wash_no_debt_away_and_silence_nobody_else() -> None:
    """After failures from 6,000 other networks the debtor still owes, a stranger is still heard, and nothing grew."""
    addresses = Addresses(120, 480, 4, b"salt")
    for _ in range(120):
        addresses.charge("2001:db8::1", 100.0)
    owed, size = addresses.wait("2001:db8::1", 100.0), len(addresses._places)
    assert owed > 0
    for network in range(6_000):
        addresses.charge(f"2001:db8:1:{network:x}::1", 100.0)
    assert addresses.wait("2001:db8::1", 100.0) >= owed
    assert size == len(addresses._places)
    heard = [addresses.wait(f"2001:db8:2:{network:x}::1", 100.0) == 0.0 for network in range(500)]
    assert heard.count(False) == 0


def test_half_a_collision_silences_nobody() -> None:
    """An address that shares one of its two places with a debtor is heard."""
    addresses = Addresses(2, 8, 4, b"salt")
    for _ in range(2):
        addresses.charge("192.0.2.1", 100.0)
    one, other = addresses._places_of("192.0.2.1")
    near = next(name for name in map(str, range(500_000)) if len({one, other} & set(addresses._places_of(name))) == 1)
    assert addresses.wait("192.0.2.1", 100.0) > 0
    assert addresses.wait(near, 100.0) == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["a", "b", "c"])), max_size=80))
def test_no_address_fails_more_often_than_it_may(steps: list[tuple[float, str]]) -> None:
    """Whatever else is charged, the failures of one address are at most burst + rate x time, in their cost."""
    addresses, now, failed = Addresses(10, 40, 4, b"salt"), 500.0, {"a": 0, "b": 0, "c": 0}
    for pause, address in steps:
        now += pause
        if addresses.wait(address, now) == 0.0:
            addresses.charge(address, now)
            failed[address] += 4
        assert failed[address] <= 40 + 1e-3 + 10 * (now - 500.0)


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_an_address_stands_for_its_neighbourhood(address: str, stands_for: str) -> None:
    """IPv4 for itself, also in IPv6's form; IPv6 for its /64."""
    assert stands_for == neighbourhood(address)


def test_names_of_a_certificate_keep_their_kind() -> None:
    """URIs and DNS names as TLS typed them, the subject as CN; a name of no known kind counts for nothing."""
    shown = Certificate("URI:spiffe://a/b", ("URI:spiffe://c/d", "DNS:e.example", "email:f@example.org", "spiffe://g"))
    assert names_of(shown) == ("URI:spiffe://c/d", "DNS:e.example", "CN:URI:spiffe://a/b")
    assert names_of(Certificate("")) == ()
