"""Bearer tokens that are forged, stolen from elsewhere, or out of their time. Beside each the honest one passes."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lockgate.errors import LockgateError
from lockgate.serve.admission.bearers import KEPT
from lockgate.serve.clients import render_clients
from tests.support.admission import AUDIENCE, ISSUER, KEY, WALL, Door, Issuer, client, head

SERVICE = client("", name="batch", subject="service-7")


@pytest.fixture(name="issuer", scope="module")
def _issuer() -> Issuer:
    """One with an elliptic key."""
    return Issuer.of("ES256")


@pytest.fixture(name="door")
def _door(issuer: Issuer) -> Iterator[Door]:
    """A doorman that knows the issuer's keys and lists one of its subjects. The honest token passes at the end too."""
    door = Door((client(), SERVICE))
    door.admission.reload("tokens", issuer.settings())
    yield door
    door.now += 10
    door.wall = WALL
    assert door.asks(head(f"Bearer {issuer.token()}")).name == "batch"
    assert door.asks().name == "ada"


def bearer(door: Door, token: str) -> int:
    """The status that a token comes to."""
    return door.status(head(f"Bearer {token}"))


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_four_algorithms_count(algorithm: str) -> None:
    """Each of them lets its issuer's listed subject in, as the client that it is listed for."""
    issuer = Issuer.of(algorithm)
    door = Door((SERVICE,))
    door.admission.reload("tokens", issuer.settings())
    assert door.asks(head(f"Bearer {issuer.token()}")).name == "batch"
    assert bearer(door, Issuer.of(algorithm).token()) == 401


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_no_shared_secret(door: Door, issuer: Issuer, algorithm: str) -> None:
    """A token whose MAC is made with the public key, in any spelling of it, is refused."""
    public = issuer.key.public_key()
    spellings = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        json.dumps(issuer.jwk()).encode(),
    ]
    for secret in spellings:
        signed = unsigned({"alg": algorithm, "kid": "one"}, issuer.claims()).rpartition(".")[0]
        mac = hmac.digest(secret, signed.encode(), f"sha{algorithm[2:]}")
        token = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
        assert bearer(door, token) == 401


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None])
def test_no_signature_is_none(door: Door, issuer: Issuer, algorithm: str | None) -> None:
    """`none` in any case, with and without bytes where the signature would be."""
    header = {"kid": "one", "typ": "JWT"} | ({} if algorithm is None else {"alg": algorithm})
    for signature in (b"", b"x"):
        assert bearer(door, unsigned(header, issuer.claims(), signature)) == 401


@pytest.mark.parametrize("kid", ["two", "", "../one", "one\0", 1, None, ["one"]])
def test_the_key_is_the_one_that_is_named(door: Door, issuer: Issuer, kid: Any) -> None:
    """A kid that is not in the set, no kid, and a kid that is no text: refused, though the signature is right."""
    if isinstance(kid, str):
        token = issuer.token({"kid": kid})
    else:
        header = {"alg": "ES256", "typ": "JWT"} | ({} if kid is None else {"kid": kid})
        signed = unsigned(header, issuer.claims()).rpartition(".")[0]
        made = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(signed.encode(), issuer.key)
        token = f"{signed}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"
    assert bearer(door, token) == 401


def test_one_key_of_the_set_does_not_speak_for_another(issuer: Issuer) -> None:
    """A token signed by the second key under the name of the first is refused; under its own name it passes."""
    other = Issuer(Issuer.of("ES256").key, "ES256", "two")
    door = Door((SERVICE,))
    door.admission.reload("tokens", issuer.settings(other.jwk()))
    assert bearer(door, other.token({"kid": "one"})) == 401
    assert bearer(door, other.token()) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://issuer.example.evil"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["other", "another"]},
        {"aud": None},
        {"aud": AUDIENCE.upper()},
        {"sub": "service-8"},
        {"sub": None},
        {"sub": ""},
        {"exp": int(WALL) - 61},
        {"exp": None},
        {"exp": True},
        {"exp": -1},
        {"nbf": int(WALL) + 61},
        {"nbf": "now"},
        {"nbf": None, "iat": None},
        {"nbf": True, "iat": True},
        {"iat": int(WALL) + 61},
    ],
)
def test_claims_that_are_not_ours(door: Door, issuer: Issuer, changes: dict[str, Any]) -> None:
    """Another issuer, audience or subject, or one that is not said; ended, not begun, or without a time: refused."""
    assert bearer(door, issuer.token(**changes)) == 401


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exp", "9999999999"),
        ("exp", 1e999),
        ("exp", 10**400),
        ("nbf", -(10**400)),
        ("nbf", [1]),
        ("iat", {}),
        ("sub", 7),
        ("iss", 7),
        ("aud", {"x": 1}),
    ],
)
def test_claims_of_another_type(door: Door, issuer: Issuer, name: str, value: Any) -> None:
    """What is signed but not of its type is refused, without a traceback."""
    payload = json.dumps(issuer.claims() | {name: value}).encode()
    token = jwt.api_jws.PyJWS().encode(payload, issuer.key, "ES256", {"kid": "one"})
    assert bearer(door, token) == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(WALL) - 59},
        {"nbf": int(WALL) + 59},
        {"nbf": None},
        {"iat": None},
        {"aud": ["other", AUDIENCE]},
        {"jti": "x", "scope": "a b"},
    ],
)
def test_clocks_may_differ_by_a_minute(door: Door, issuer: Issuer, changes: dict[str, Any]) -> None:
    """Positive control: within the leeway, with either beginning, one of several audiences, and claims beyond."""
    assert bearer(door, issuer.token(**changes)) == 200


def test_keys_that_the_token_brings_along_are_not_read(door: Door, issuer: Issuer) -> None:
    """`jwk`, `jku`, `x5u` and `x5c` of an attacker: the signature is still judged by the key of the set."""
    thief = Issuer.of("ES256")
    brought = {"jwk": thief.jwk(), "jku": "https://thief.example/jwks", "x5u": "https://thief.example/x", "x5c": ["AA"]}
    for name, value in brought.items():
        assert bearer(door, thief.token({name: value})) == 401
    assert bearer(door, issuer.token(brought)) == 200


@pytest.mark.parametrize(
    "header",
    [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"b64": False, "crit": ["b64"]}, {"b64": True}, {"typ": "logout+jwt"}],
)
def test_what_must_be_understood_is_refused(door: Door, issuer: Issuer, header: dict[str, Any]) -> None:
    """Critical extensions, unencoded payloads, and tokens that are for something else."""
    payload = json.dumps(issuer.claims()).encode()
    parts = {"alg": "ES256", "kid": "one", "typ": "JWT"} | header
    signed = unsigned(parts, {}).partition(".")[0] + "." + base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    made = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(signed.encode(), issuer.key)
    assert bearer(door, f"{signed}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}") == 401


def test_a_huge_token_is_not_looked_at(door: Door, issuer: Issuer) -> None:
    """Above 8 KiB it is refused, rightly signed or not; just below, it passes."""
    assert bearer(door, issuer.token(pad="x" * 8000)) == 401
    assert bearer(door, issuer.token(pad="x" * 5000)) == 200


@pytest.mark.parametrize("token", ["", ".", "..", "...", "a.b.c", "é.é.é", "a" * 47, "[" * 3000 + ".a.b", "\0.\0.\0"])
def test_what_is_no_token(door: Door, token: str) -> None:
    """Nonsense is refused as everything is."""
    assert bearer(door, token) == 401


def test_a_token_is_over_when_it_ends_however_often_it_was_seen(door: Door, issuer: Issuer) -> None:
    """One that was verified and remembered is refused after its end, and so are those of a revoked or ended client."""
    token = issuer.token()
    assert bearer(door, token) == bearer(door, token) == 200
    door.wall = WALL + 360
    assert bearer(door, token) == 401
    door.wall = WALL
    for gone in ({"revoked": "2026-01-01T00:00:00Z"}, {"expires": "2026-01-01T00:00:00Z"}, {"subject": "other"}):
        changed = client("", **{"name": "batch", "subject": "service-7"} | gone)
        door.admission.reload("clients", render_clients([client(), changed]))
        door.now += 10
        assert bearer(door, token) == 401
    door.admission.reload("clients", render_clients([client(), SERVICE]))


def test_a_new_key_set_forgets_what_the_old_one_verified(door: Door, issuer: Issuer) -> None:
    """After the issuer has taken its key back, remembered tokens of it are refused at once."""
    token = issuer.token()
    assert bearer(door, token) == 200
    door.admission.reload("tokens", Issuer(Issuer.of("ES256").key, "ES256", "two").settings())
    assert bearer(door, token) == 401
    door.admission.reload("tokens", b"")
    assert bearer(door, token) == 401
    door.admission.reload("tokens", issuer.settings())


def test_what_is_remembered_is_bounded(door: Door, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only tokens that held are remembered, only their digests, and no more than a fixed number."""
    monkeypatch.setattr("lockgate.serve.admission.bearers.KEPT", 3)
    tokens = [issuer.token(jti=str(number)) for number in range(5)]
    assert [bearer(door, token) for token in [*tokens, "a.b.c"]] == [200] * 5 + [401]
    bearers: Any = door.admission._bearers
    assert len(bearers._held) == 3 < KEPT
    assert all(isinstance(digest, bytes) and len(digest) == 32 for digest in bearers._held)


@pytest.mark.parametrize("member", ["d", "p", "k", "oth"])
def test_a_key_set_with_a_secret_in_it_is_refused_whole(door: Door, issuer: Issuer, member: str) -> None:
    """LG648, and the keys before it stay in force."""
    with pytest.raises(LockgateError) as caught:
        door.admission.reload("tokens", issuer.settings({"kty": "EC", "kid": "x", member: "AA"}))
    assert caught.value.finding == "LG648"


def test_weak_doubled_and_unusable_keys(door: Door, issuer: Issuer) -> None:
    """A short RSA key, a kid twice, a malformed key, no usable key: LG643. Keys for other ends are passed over."""
    weak = Issuer(rsa.generate_private_key(65537, 1024), "RS256", "weak").jwk()
    for bad in (weak, issuer.jwk(), {**issuer.jwk(kid="bad"), "x": "AA"}, {**issuer.jwk(kid="bad"), "y": 7}):
        with pytest.raises(LockgateError) as caught:
            door.admission.reload("tokens", issuer.settings(bad))
        assert caught.value.finding == "LG643"
    odd = [
        issuer.jwk(kid="enc", use="enc"),
        issuer.jwk(kid="alg", alg="ES512"),
        issuer.jwk(kid="ops", key_ops=["sign"]),
        issuer.jwk(kid="types", key_ops=7, alg=[]),
        {"kty": "EC", "crv": "P-521", "kid": "curve"},
        {"kty": "unknown", "kid": "kind"},
    ]
    door.admission.reload("tokens", issuer.settings(*odd))
    assert bearer(door, Issuer(issuer.key, "ES256", "enc").token()) == 401
    alone = Issuer(issuer.key, "ES256", "")
    with pytest.raises(LockgateError, match="no key with a kid"):
        door.admission.reload("tokens", alone.settings(*odd))


def test_an_rsa_key_is_held_to_the_algorithm_that_it_names() -> None:
    """A key published for PS256 does not verify RS256."""
    issuer = Issuer.of("PS256")
    door = Door((SERVICE,))
    door.admission.reload("tokens", issuer.settings(issuer.jwk(kid="bound", alg="PS256")))
    bound = Issuer(issuer.key, "RS256", "bound")
    assert bearer(door, bound.token()) == 401
    assert bearer(door, Issuer(issuer.key, "PS256", "bound").token()) == 200


def test_a_key_of_ours_is_no_token_and_a_token_no_key(door: Door) -> None:
    """A subject spelled as an API key, or an API key in a token's place, opens nothing more."""
    assert bearer(door, KEY) == 200
    assert bearer(door, KEY[:-1]) == bearer(door, KEY + "x") == bearer(door, f"{KEY}.{KEY}.{KEY}") == 401
