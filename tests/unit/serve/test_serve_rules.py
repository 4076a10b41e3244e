"""Keys, permission and names, as pure decisions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lockgate.serve import rules
from lockgate.serve.spec import Action, Client

PEPPER = b"p" * 32
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def client(**changes: object) -> Client:
    """A client that may do everything."""
    return Client(**{"name": "ada", "digest": "d", "kind": "x", "created": "", "rate": 1.0, "burst": 5} | changes)  # type: ignore[arg-type]


def test_a_key_has_the_form_that_is_looked_up() -> None:
    """A new key is `lgk_` and 43 characters."""
    key = rules.new_key(bytes(range(32)))
    assert (len(key), key[:4]) == (rules.KEY_LENGTH, "lgk_")


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


def test_permission_is_what_is_listed() -> None:
    """Another model, action or environment is refused, and everything once revoked."""
    bound = client(models=("flights",), actions=("predict",), environments=("dev",))
    assert rules.permits(bound, "predict", "flights", "dev")
    assert rules.permits(bound, "predict", None, "dev")
    assert not rules.permits(bound, "predict", "phishing", "dev")
    assert not rules.permits(bound, "describe", "flights", "dev")
    assert not rules.permits(bound, "describe", None, "dev")
    assert not rules.permits(bound, "predict", "flights", "prod")
    assert not rules.permits(bound, "predict", "flights", "")
    assert not rules.permits(client(revoked="2026-01-01T00:00:00Z"), "predict", "flights", "dev")
    assert rules.permits(client(), "predict", "anything", "anywhere")


@pytest.mark.parametrize("action", ["label", "metrics"])
def test_two_actions_are_given_by_name_only(action: Action) -> None:
    """A client that nothing is said of may not label, and may not read metrics."""
    assert not rules.permits(client(), action, None, "dev")
    assert rules.permits(client(actions=(action,)), action, None, "dev")


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("90d", "2027-02-24T12:00:00+00:00"),
        ("12h", "2026-11-27T00:00:00+00:00"),
        ("30min", "2026-11-26T12:30:00+00:00"),
        ("2027-01-31", "2027-02-01T00:00:00+00:00"),
        ("2026-11-26", "2026-11-27T00:00:00+00:00"),
    ],
)
def test_an_end_is_a_span_or_a_last_day(text: str, end: str) -> None:
    """A day named is a day on which it still counts."""
    assert end == rules.parse_expiry(text, NOW).isoformat()


@pytest.mark.parametrize(
    "text",
    ["", "0d", "-1d", "90", "90 d", "1y", "2026-11-25", "2026-02-30", "9999-12-31", "2027-1-1", "9999999d", "tomorrow"],
)
def test_no_other_end_is_read(text: str) -> None:
    """What is past, or not plainly a time, is a ValueError."""
    with pytest.raises(ValueError, match=r"expected|future|day is out of range"):
        rules.parse_expiry(text, NOW)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("spiffe://plant.example/scorer", "URI:spiffe://plant.example/scorer"),
        ("scorer.plant.example", "DNS:scorer.plant.example"),
        ("CN=Scorer 7", "CN:Scorer 7"),
        ("CN=scorer-7", "CN:scorer-7"),
        ("CN=", None),
        ("CN= ", None),
        ("spiffe://a b", None),
        ("", None),
        ("Scorer.example", None),
        ("*.example", None),
        ("a\nb", None),
    ],
)
def test_a_certificate_s_name_says_its_kind(text: str, name: str | None) -> None:
    """URI, DNS name or common name; nothing that could be two of them, no wildcard."""
    if name is not None:
        assert name == rules.certificate_name(text)
        return
    with pytest.raises(ValueError, match=r"expected|printable|behind"):
        rules.certificate_name(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_is_loopback(host: str) -> None:
    """Literal loopback addresses and localhost."""
    assert rules.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "", "localhost.example.org"])
def test_anything_else_is_not_loopback(host: str) -> None:
    """The unspecified address listens everywhere; names are not resolved."""
    assert not rules.is_loopback(host)
