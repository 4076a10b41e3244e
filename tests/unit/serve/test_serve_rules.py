"""Keys, permission and rate, as pure decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.serve import rules
from lockgate.serve.spec import Client

PEPPER = b"p" * 32


def client(**changes: object) -> Client:
    """A client that may do everything."""
    return Client(**{"name": "ada", "digest": "d", "kind": "x", "created": "", "rate": 1.0, "burst": 5} | changes)  # type: ignore[arg-type]


def test_a_key_has_the_form_that_is_looked_up() -> None:
    """A new key is `lgk_` and 43 characters, and is found again in an Authorization header."""
    key = rules.new_key(bytes(range(32)))
    assert (len(key), key[:4]) == (47, "lgk_")
    assert key == rules.bearer(f"Bearer {key}") == rules.bearer(f"bearer {key}")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer lgk_short", "Basic " + "lgk_" + "a" * 43, "lgk_" + "a" * 43]
)
def test_no_other_header_is_a_key(header: str | None) -> None:
    """Only the bearer scheme with a key of our form counts."""
    assert rules.bearer(header) is None


def test_a_short_source_of_randomness_is_refused() -> None:
    """A key is made of 32 bytes, no fewer."""
    with pytest.raises(ValueError, match="32"):
        rules.new_key(b"x")


def test_the_digest_depends_on_the_pepper() -> None:
    """The same key under another pepper has another digest: a stolen registry cannot be tried elsewhere."""
    assert rules.key_digest(PEPPER, "lgk_x") != rules.key_digest(b"q" * 32, "lgk_x")


def test_a_pseudonym_is_stable_and_needs_its_key() -> None:
    """16 hex digits, the same each time, another under another key."""
    assert rules.pseudonym(b"k", "ada") == rules.pseudonym(b"k", "ada") != rules.pseudonym(b"l", "ada")
    assert len(rules.pseudonym(b"k", "ada")) == 16


def test_a_revoked_client_is_not_found() -> None:
    """Revocation takes the digest out of the lookup, and permission away."""
    gone = client(revoked="2026-01-01T00:00:00Z")
    assert rules.by_digest([gone]) == {}
    assert not rules.permits(gone, "predict", "flights")
    assert rules.permits(client(), "predict", "flights")


def test_permission_is_what_is_listed() -> None:
    """Another model, or another action, is refused."""
    bound = client(models=("flights",), actions=("predict",))
    assert rules.permits(bound, "predict", "flights")
    assert not rules.permits(bound, "predict", "phishing")
    assert not rules.permits(bound, "describe", "flights")


def test_the_burst_passes_and_then_the_rate_holds() -> None:
    """Five rows at once, then one a second; the refusal says when to come again."""
    arrival = 0.0
    for left in (4, 3, 2, 1, 0):
        said = rules.gcra(arrival, 100.0, 1, rate=1.0, burst=5)
        assert (said.passed, said.remaining) == (True, left)
        arrival = said.arrival
    refused = rules.gcra(arrival, 100.0, 1, rate=1.0, burst=5)
    assert (refused.passed, refused.arrival) == (False, arrival)
    assert refused.retry == pytest.approx(1.0)
    assert rules.gcra(arrival, 101.0, 1, rate=1.0, burst=5).passed


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(1, 20)), max_size=60),
    st.floats(0.1, 1000),
    st.integers(20, 200),
)
def test_never_more_rows_than_burst_and_rate_allow(steps: list[tuple[float, int]], rate: float, burst: int) -> None:
    """Whatever the order of calls, what passed by any moment is at most burst + rate x time."""
    now, arrival, passed, start = 1.7e9, 0.0, 0, 1.7e9
    for wait, rows in steps:
        now += wait
        said = rules.gcra(arrival, now, rows, rate=rate, burst=burst)
        arrival = said.arrival
        passed += rows if said.passed else 0
        assert passed <= burst + rate * (now - start) + 1e-3 * rate + 1
        assert 0 <= said.remaining <= burst


def test_a_refused_rate_says_when_to_come_again() -> None:
    """Retry-After in whole seconds, at least one; none where the request passed."""
    passed = rules.gcra(0.0, 10.0, 1, rate=2.0, burst=4)
    refused = rules.gcra(20.0, 10.0, 1, rate=2.0, burst=4)
    assert rules.rate_headers(passed, rate=2.0, burst=4) == {
        "RateLimit-Policy": '"rows";q=4;w=2',
        "RateLimit": '"rows";r=3;t=1',
    }
    assert rules.rate_headers(refused, rate=2.0, burst=4)["Retry-After"] == "9"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_is_loopback(host: str) -> None:
    """Literal loopback addresses and localhost."""
    assert rules.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "localhost.example.org"])
def test_anything_else_is_not_loopback(host: str) -> None:
    """The unspecified address listens everywhere; names are not resolved."""
    assert not rules.is_loopback(host)
