"""Credentials that are doubled, borrowed, ended or guessed. Beside each the honest one passes."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.serve import rules
from lockgate.serve.clients import render_clients
from lockgate.serve.declined import Declined
from lockgate.serve.http import Certificate, Peer
from lockgate.serve.spec import Caps
from tests.support.admission import KEY, PEPPER, WALL, Door, client, head

OLD = rules.new_key(b"o" * 32)
URI = "URI:spiffe://plant.example/scorer"


def refused(door: Door, **asked: Any) -> Declined:
    """How a request is refused before its path is looked at."""
    with pytest.raises(Declined) as caught:
        door.asks(head(**asked))
    return caught.value


def moment(seconds: float) -> str:
    """So many seconds from now, as the registry writes it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(WALL + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        f"Basic {KEY}",
        KEY,
        f"Bearer {KEY}, Bearer {KEY}",
        f"Bearer {KEY} {KEY}",
        f"Bearer {KEY}\t",
        f"Bearer {KEY.swapcase()}",
        f"Bearer {KEY[:-1]}A",
        "Bearer " + "é" * 47,
        f"BearerX{KEY}",
    ],
)
def test_nothing_but_one_whole_key_counts(authorization: str | None) -> None:
    """Another scheme, a key cut or doubled, another case: 401."""
    door = Door()
    assert (refused(door, authorization=authorization).status, door.status()) == (401, 200)


@pytest.mark.parametrize("spelled", ["Bearer {}", "bearer {}", "BEARER   {}", "Bearer {}  "])
def test_the_scheme_may_be_spelled_as_http_allows(spelled: str) -> None:
    """Positive control: case and spaces of the scheme do not count (RFC 9110)."""
    assert Door().asks(head(spelled.format(KEY))).name == "ada"


def test_every_refusal_is_the_same() -> None:
    """No key, a wrong, a revoked, an ended one, two credentials, an unknown certificate: one answer, byte for byte."""
    ended = client(OLD, name="ended", expires=moment(-1))
    revoked = client(rules.new_key(b"r" * 32), name="gone", revoked=moment(-1))
    door = Door((client(), ended, revoked), caps=Caps(unheard=0))
    cases: list[dict[str, Any]] = [
        {"authorization": None},
        {"authorization": "Bearer lgk_" + "a" * 43},
        {"authorization": f"Bearer {OLD}"},
        {"authorization": "Bearer " + rules.new_key(b"r" * 32)},
        {"authorization": "Bearer a.b.c"},
        {"authorization": "Bearer x", "certificate": Certificate("x", (URI,))},
        {"authorization": None, "certificate": Certificate("x", (URI,))},
    ]
    replies = [refused(door, **case).reply() for case in cases]
    assert [(reply.status, reply.body, tuple(reply.headers)) for reply in replies] == [
        (401, replies[0].body, (("WWW-Authenticate", 'Bearer realm="lockgate"'),))
    ] * len(cases)
    assert b"LG601" in replies[0].body
    assert door.status() == 200


def test_a_key_ends_when_it_says() -> None:
    """A second before its end it counts, at its end no more, without a reload."""
    door = Door((client(expires=moment(60)),))
    door.wall = WALL + 59
    assert door.status() == 200
    door.wall = WALL + 60
    assert door.status() == 401


def test_a_rotated_key_counts_as_long_as_it_was_given() -> None:
    """Both keys name one client until the overlap is over; a revocation ends both at once."""
    digest = rules.key_digest(PEPPER, OLD)
    rotated = client(previous=digest, previous_until=moment(3600))
    door = Door((rotated,))
    assert (door.status(head(f"Bearer {OLD}")), door.status()) == (200, 200)
    door.wall = WALL + 3600
    assert (door.status(head(f"Bearer {OLD}")), door.status()) == (401, 200)
    door.wall = WALL
    door.admission.reload(
        "clients", render_clients([client(previous=digest, previous_until=moment(3600), revoked=moment(0))])
    )
    assert (door.status(head(f"Bearer {OLD}")), door.status()) == (401, 401)


def test_a_key_that_was_let_in_is_found_again_without_hashing_and_is_out_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not after a reload that revokes it or lists it no more, nor after its end; of its spellings only one is kept."""
    door, hashed, honest = Door((client(expires=moment(60)),)), list[str](), rules.key_digest

    def counting(pepper: bytes, key: str) -> str:
        hashed.append(key)
        return honest(pepper, key)

    monkeypatch.setattr(rules, "key_digest", counting)
    assert [door.status() for _ in range(3)] == [200] * 3
    assert hashed == [KEY]
    assert [door.status(head(f"bearer{' ' * blanks}{KEY}")) for blanks in range(1, 9)] == [200] * 8
    assert [door.status(head("Bearer lgk_" + "x" * 43)) for _ in range(3)] == [401] * 3
    assert list(door.admission._ways) == [f"Bearer {KEY}"]
    door.wall += 61
    assert door.status() == 401
    door.wall -= 61
    assert door.status() == 200
    for gone in ([client(revoked=moment(-5))], []):
        door.admission.reload("clients", render_clients([client()]))
        assert door.status() == 200
        door.admission.reload("clients", render_clients(gone))
        assert door.status() == 401


def test_an_old_key_ends_with_its_client() -> None:
    """The overlap does not outlive the client's own end."""
    door = Door((client(previous=rules.key_digest(PEPPER, OLD), previous_until=moment(3600), expires=moment(60)),))
    door.wall = WALL + 61
    assert door.status(head(f"Bearer {OLD}")) == 401


@pytest.mark.parametrize(
    ("listed", "shown", "status"),
    [
        (URI, Certificate("", (URI,)), 200),
        (URI, Certificate("scorer", ("DNS:a.example", URI)), 200),
        (URI, Certificate("", (URI + "/",)), 401),
        (URI, Certificate("", (URI.upper(),)), 401),
        (URI, Certificate("", ("spiffe://plant.example/scorer",)), 401),
        (URI, Certificate("", ("DNS:spiffe://plant.example/scorer",)), 401),
        (URI, Certificate("URI:spiffe://plant.example/scorer", ()), 401),
        (URI, Certificate("spiffe://plant.example/scorer", ()), 401),
        ("DNS:a.example", Certificate("", ("DNS:a.example",)), 200),
        ("DNS:a.example", Certificate("a.example", ()), 401),
        ("DNS:a.example", Certificate("", ("DNS:*.example",)), 401),
        ("DNS:a.example", Certificate("", ("DNS:b.a.example",)), 401),
        ("CN:scorer", Certificate("scorer", ()), 200),
        ("CN:scorer", Certificate("Scorer", ("DNS:scorer",)), 401),
        ("CN:scorer", Certificate("", ()), 401),
    ],
)
def test_a_certificate_is_known_by_its_exact_name_and_kind(listed: str, shown: Certificate, status: int) -> None:
    """No case, no wildcard, no name of one kind for one of another."""
    door = Door((client("", name="scorer", certificate=listed),))
    assert door.status(head(None, certificate=shown)) == status


def test_a_certificate_that_names_two_clients_names_none() -> None:
    """Which of them it is cannot be told; each name alone is one."""
    door = Door(tuple(client("", name=name, certificate=f"DNS:{name}") for name in ("a", "b")))
    assert door.status(head(None, certificate=Certificate("", ("DNS:a", "DNS:b")))) == 401
    assert door.asks(head(None, certificate=Certificate("", ("DNS:b", "DNS:c")))).name == "b"


@pytest.mark.parametrize("gone", [{"revoked": moment(-1)}, {"expires": moment(0)}])
def test_a_certificate_of_a_client_that_ended(gone: dict[str, str]) -> None:
    """Revoked or expired, it opens nothing, valid as the certificate may be."""
    shown = head(None, certificate=Certificate("", ("DNS:a",)))
    assert Door((client("", name="a", certificate="DNS:a", **gone),)).status(shown) == 401
    assert Door((client("", name="a", certificate="DNS:a"),)).status(shown) == 200


@pytest.mark.parametrize("names", [("DNS:a",), ("DNS:x", "DNS:a"), ("DNS:a", "DNS:b"), ("DNS:ended",)])
def test_a_key_and_a_certificate_that_name_two_clients_are_refused(names: tuple[str, ...]) -> None:
    """Each alone would do; whose request it is would depend on who reads it. An expired client's name is one too."""
    listed = [client("", name=name, certificate=f"DNS:{name}") for name in ("a", "b")]
    listed.append(client("", name="ended", certificate="DNS:ended", expires=moment(-1)))
    door = Door((client(), *listed))
    assert door.status(head(certificate=Certificate("", names))) == 401
    assert (door.status(), door.status(head(None, certificate=Certificate("", ("DNS:a",))))) == (200, 200)


def test_a_certificate_that_names_nobody_here_leaves_it_to_the_key() -> None:
    """Where TLS demands a certificate of everybody, keys go on to count; a bad key is not mended by a certificate."""
    door = Door((client(), client("", name="a", certificate="DNS:a")))
    assert door.asks(head(certificate=Certificate("proxy", ("DNS:proxy.example",)))).name == "ada"
    for shown in (Certificate("", ("DNS:a",)), Certificate("", ("DNS:x",))):
        assert door.status(head("Bearer lgk_" + "a" * 43, certificate=shown)) == 401
        assert door.status(head("", certificate=shown)) == 401


def test_guessing_is_slowed_by_address() -> None:
    """After a burst of bad keys the address waits, a good key from it too; elsewhere, and later, it counts."""
    door = Door(caps=Caps(unheard=10))
    guess = head("Bearer lgk_" + "a" * 43)
    statuses = [door.status(guess) for _ in range(30)]
    assert statuses == [401] * 10 + [429] * 20
    declined = refused(door)
    assert (declined.finding, declined.headers) == ("LG642", {"Retry-After": "1"})
    assert door.status(head(address="192.0.2.2")) == 200
    door.now += 1
    assert door.status() == 200
    passed = 0
    for _ in range(400):
        door.now += 0.1
        passed += door.status(guess) == 401
    assert passed <= 2 + 40 * 10 / 4


def test_a_whole_network_of_one_host_is_one_address() -> None:
    """Guesses from ever new addresses of one /64 are slowed as if they came from one; another /64 is heard."""
    door = Door(caps=Caps(unheard=10))
    statuses = [door.status(head(None, address=f"2001:db8::{number:x}")) for number in range(30)]
    assert statuses == [401] * 10 + [429] * 20
    assert door.status(head(address="2001:db8:0:1::1")) == 200
    assert door.status(head(address="::ffff:192.0.2.9")) == 200


def test_valid_requests_cost_an_address_nothing() -> None:
    """Positive control: ten thousand good requests in no time pass; with 0 nothing is counted at all."""
    door = Door(caps=Caps(unheard=1))
    assert {door.status() for _ in range(10_000)} == {200}
    off = Door(caps=Caps(unheard=0))
    assert {off.status(head(None)) for _ in range(1000)} == {401}
    off.admission.unheard(Peer("192.0.2.1"))
