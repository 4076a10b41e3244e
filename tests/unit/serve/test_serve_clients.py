"""The client registry and the edge's secrets."""

from __future__ import annotations

import dataclasses
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.serve import rules
from lockgate.serve.clients import ClientRegistry, parse_clients, render_clients
from lockgate.serve.spec import Client
from lockgate.trust._edgefile import edge_secrets, parse_edge_secrets

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
def registry(tmp_path: Path) -> ClientRegistry:
    """An empty registry."""
    state = tmp_path / "state"
    state.mkdir()
    return ClientRegistry(state, tmp_path / "keys" / "edge.json")


def test_a_key_is_shown_once_and_stored_only_as_digest(registry: ClientRegistry, tmp_path: Path) -> None:
    """The file holds the digest under the pepper, is 0600, and the key occurs nowhere on disk."""
    new = registry.add("ada", now=NOW)
    pepper = edge_secrets(tmp_path / "keys" / "edge.json").pepper
    assert registry.list() == (new.client,)
    assert new.client.digest == rules.key_digest(pepper, new.key)
    assert stat.S_IMODE(registry.path.stat().st_mode) == 0o600
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or new.key.encode() not in path.read_bytes()


def test_two_clients_have_two_keys_and_one_pepper(registry: ClientRegistry) -> None:
    """Adding does not change what is there; a name is given once, even after it was revoked."""
    ada, bob = registry.add("ada", now=NOW), registry.add("bob", now=NOW, models=("flights",), rate=5, burst=7)
    assert ada.key != bob.key
    assert registry.list() == (ada.client, bob.client)
    registry.revoke("ada", now=NOW)
    with pytest.raises(Usage, match="already"):
        registry.add("ada", now=NOW)


def test_revoking_keeps_the_first_time(registry: ClientRegistry) -> None:
    """A revoked client stays listed; revoking again changes nothing; an unknown name is refused."""
    registry.add("ada", now=NOW)
    first = registry.revoke("ada", now=NOW)
    assert first.revoked == "2026-11-23T09:30:00Z"
    assert registry.revoke("ada", now=NOW.replace(year=2027)) == first
    assert registry.list() == (first,)
    with pytest.raises(Usage) as caught:
        registry.revoke("eve", now=NOW)
    assert caught.value.finding == "LG621"


@pytest.mark.parametrize("name", ["", "Ada", "a b", "../x", "a" * 65, "-a", "é"])
def test_odd_names_are_refused(registry: ClientRegistry, name: str) -> None:
    """A client's name is plain."""
    with pytest.raises(Usage):
        registry.add(name, now=NOW)


@pytest.mark.parametrize("limits", [(0.0, 1), (-1.0, 1), (float("nan"), 1), (float("inf"), 1), (1.0, 0)])
def test_limits_must_be_positive(registry: ClientRegistry, limits: tuple[float, int]) -> None:
    """No client without a limit."""
    with pytest.raises(Usage):
        registry.add("ada", now=NOW, rate=limits[0], burst=limits[1])


def test_every_changed_byte_of_the_registry_is_noticed_or_harmless(registry: ClientRegistry) -> None:
    """The file has one accepted form: cut, reordered, extended or retyped it is refused, never a traceback."""
    registry.add("ada", now=NOW)
    data = registry.path.read_bytes()
    assert render_clients(parse_clients(data)) == data
    wrong = [
        data[:-1],
        data + b"\n",
        data.replace(b'"v":3', b'"v":1'),
        data.replace(b'"v":3', b'"v":2'),
        data.replace(b'"v":3', b'"v":4'),
        data.replace(b'"v":3', b'"v":[]'),
        data.replace(b'"v":3', b'"v":3.0'),
        data.replace(b'"organisation":""', b'"organisation":"Acme"'),
        data.replace(b'"organisation":""', b'"organisation":null'),
        data.replace(b'"organisation":""', b'"organisation":"acme\\n"'),
        data.replace(b'"edits":false', b'"edits":0'),
        data.replace(b'"edits":false', b'"edits":null'),
        data.replace(b'"cleared":null', b'"cleared":""'),
        data.replace(b'"cleared":null', b'"cleared":"2026-11-23T09:30:00Z"'),
        data.replace(b'"cleared":null', b'"cleared":7'),
        data.replace(
            b'"cleared":null,"cleared_by":"","cleared_why":""', b'"cleared":"","cleared_by":"x","cleared_why":"y"'
        ),
        data.replace(b'"cleared_why":""', b'"cleared_why":"honest"'),
        data.replace(b'"cleared_by":""', b'"cleared_by":7'),
        data.replace(b'"in_flight":256', b'"in_flight":0'),
        data.replace(b'"budget":null', b'"budget":0'),
        data.replace(b'"budget":null', b'"budget":true'),
        data.replace(b'"expires":null', b'"expires":"tomorrow"'),
        data.replace(b'"expires":null', b'"expires":"2026-13-01T00:00:00Z"'),
        data.replace(b'"expires":null', b'"expires":7'),
        data.replace(b'"subject":""', b'"subject":"x"'),
        data.replace(b'"subject":""', b'"subject":null'),
        data.replace(b'"certificate":""', b'"certificate":"DNS:x"'),
        data.replace(b'"previous":""', b'"previous":"' + b"a" * 64 + b'"'),
        data.replace(b'"environments":["*"]', b'"environments":"*"'),
        data.replace(b'"environments":["*"]', b'"environments":[7]'),
        data.replace(b'"digest":"', b'"digest":"Z'),
        data.replace(b'"burst":2000', b'"burst":"2000"'),
        data.replace(b'["predict","describe"]', b'["predict","admin"]'),
        data.replace(b'["predict","describe"]', b'"predict"'),
        data.replace(b'"kind":"external"', b'"kind":7'),
        data.replace(b'"rate":100.0', b'"rate":-1.0'),
        b"[]",
        b'{"clients":[1],"v":1}',
        b'{"clients":null,"v":1}',
    ]
    for changed in wrong:
        assert changed != data
        with pytest.raises(VerificationFailed) as caught:
            parse_clients(changed)
        assert caught.value.finding == "LG622"


def test_a_registry_of_version_1_is_read_and_written_anew_as_2(registry: ClientRegistry) -> None:
    """Its keys go on to count, with the defaults for what it did not say; the next change writes version 2."""
    digest = "a" * 64
    registry.path.write_bytes(
        b'{"clients":[{"actions":["predict"],"burst":7,"created":"2026-11-23T09:30:00Z","digest":"'
        + digest.encode()
        + b'",'
        b'"kind":"external","models":["*"],"name":"ada","rate":5.0,"revoked":null}],"v":1}'
    )
    (ada,) = registry.list()
    assert ada == Client("ada", digest, "external", "2026-11-23T09:30:00Z", 5.0, 7, ("*",), ("predict",))
    assert (ada.environments, ada.expires, ada.in_flight, ada.budget) == (("*",), None, 256, None)
    registry.add("bob", now=NOW)
    assert registry.path.read_bytes().endswith(b'"v":3}')
    assert registry.list()[0] == ada


def test_a_registry_of_version_2_is_read_and_written_anew_as_3(registry: ClientRegistry) -> None:
    """Its clients are of no organisation, declared nothing and were never cleared; no field of 3 may be in it."""
    begin = b'{"clients":[{"actions":["predict"],"budget":null,"burst":7,"certificate":"",'
    end = (
        b'"created":"2026-11-23T09:30:00Z","digest":"' + b"a" * 64 + b'","environments":["*"],"expires":null,'
        b'"in_flight":2,"kind":"external","models":["*"],"name":"ada",%b"previous":"","previous_until":null,"rate":5.0,'
        b'"revoked":null,"subject":""}],"v":2}'
    )
    registry.path.write_bytes(begin + end % b"")
    (ada,) = registry.list()
    assert (ada.organisation, ada.edits, ada.cleared, ada.cleared_why, ada.cleared_by) == ("", False, None, "", "")
    registry.declare("ada", organisation="acme")
    assert registry.path.read_bytes().endswith(b'"v":3}')
    assert registry.list() == (dataclasses.replace(ada, organisation="acme"),)
    registry.path.write_bytes(begin + end % b'"organisation":"",')
    with pytest.raises(VerificationFailed, match="exactly"):
        registry.list()


def test_declaring_changes_what_is_said_and_no_more(registry: ClientRegistry) -> None:
    """Key and limits stay; what is not said stays; an organisation that is no name changes nothing."""
    ada = registry.add("ada", now=NOW, organisation="acme", edits=True).client
    assert (ada.organisation, ada.edits) == ("acme", True)
    registry.declare("ada", edits=False)
    assert registry.list() == (dataclasses.replace(ada, edits=False),)
    registry.declare("ada", organisation="", edits=True)
    assert registry.list() == (dataclasses.replace(ada, organisation=""),)
    for wrong in ("Acme GmbH", "a" * 65, "../x"):
        with pytest.raises(Usage, match="no organisation"):
            registry.declare("ada", organisation=wrong)
        with pytest.raises(Usage, match="no organisation"):
            registry.add("bob", now=NOW, organisation=wrong)
    assert registry.list() == (dataclasses.replace(ada, organisation=""),)
    with pytest.raises(Usage, match="no client"):
        registry.declare("bob", edits=True)


@pytest.mark.parametrize(("micros", "until"), [(0, "09:30:00"), (1, "09:30:01"), (999_999, "09:30:01")])
def test_clearing_holds_to_the_end_of_its_second(registry: ClientRegistry, micros: int, until: str) -> None:
    """What a gateway wrote before that moment is before it in the file too, whose times are whole seconds."""
    ada = registry.add("ada", now=NOW).client
    registry.clear("ada", now=NOW.replace(microsecond=micros), reason="what-if questions", by="olga")
    cleared = {"cleared": f"2026-11-23T{until}Z", "cleared_why": "what-if questions", "cleared_by": "olga"}
    assert registry.list() == (dataclasses.replace(ada, **cleared),)  # type: ignore[arg-type]
    for reason in ("", "two\nlines", "x" * 513):
        with pytest.raises(Usage):
            registry.clear("ada", now=NOW, reason=reason, by="olga")
    with pytest.raises(Usage):
        registry.clear("bob", now=NOW, reason="x", by="olga")


def test_two_clients_may_not_come_in_by_one_credential(registry: ClientRegistry) -> None:
    """One subject, certificate or digest is one client's, in `add` and in the file."""
    registry.add("ada", now=NOW, subject="service-7")
    registry.add("cert", now=NOW, certificate="DNS:a.example")
    for double in ({"subject": "service-7"}, {"certificate": "DNS:a.example"}):
        with pytest.raises(Usage, match="has this"):
            registry.add("eve", now=NOW, **double)  # type: ignore[arg-type]
    ada, cert = registry.list()
    key = registry.add("key", now=NOW).client
    for pair in ((ada, ada.subject, "subject"), (cert, cert.certificate, "certificate"), (key, key.digest, "digest")):
        one, value, what = pair
        changes: dict[str, Any] = {what: value}
        twin = dataclasses.replace(one, name="twin", **changes)
        with pytest.raises(VerificationFailed, match=f"one {what}"):
            parse_clients(render_clients([one, twin]))


def test_a_client_without_a_key_has_none(registry: ClientRegistry) -> None:
    """A subject or a certificate makes no key, both together no client."""
    new = registry.add("ada", now=NOW, subject="service-7")
    assert (new.key, new.client.digest) == ("", "")
    with pytest.raises(Usage, match="exactly one"):
        registry.add("bob", now=NOW, subject="x", certificate="DNS:x")


def test_rotating_gives_another_key_and_lets_the_old_one_end(registry: ClientRegistry) -> None:
    """The old digest stays for the overlap, not longer than the client; a second rotation ends it at once."""
    first = registry.add("ada", now=NOW, expires=NOW + timedelta(minutes=30))
    second = registry.rotate("ada", now=NOW, overlap=timedelta(hours=1), expires=NOW + timedelta(days=1))
    assert second.key not in {"", first.key}
    assert second.client.previous == first.client.digest
    assert (second.client.previous_until, second.client.expires) == ("2026-11-23T10:00:00Z", "2026-11-24T09:30:00Z")
    third = registry.rotate("ada", now=NOW, overlap=timedelta(0))
    assert (third.client.previous, third.client.previous_until) == ("", None)
    assert registry.list() == (third.client,)


def test_what_cannot_be_rotated(registry: ClientRegistry) -> None:
    """Nobody, a revoked client, one without a key, and one that has expired unless another end is given."""
    registry.add("token", now=NOW, subject="x")
    registry.add("old", now=NOW, expires=NOW + timedelta(hours=1))
    registry.add("gone", now=NOW)
    registry.revoke("gone", now=NOW)
    later, hour = NOW + timedelta(hours=1), timedelta(hours=1)
    for name in ("nobody", "token", "gone", "old"):
        with pytest.raises(Usage) as caught:
            registry.rotate(name, now=later, overlap=hour)
        assert caught.value.finding == "LG621"
    assert registry.rotate("old", now=later, overlap=hour, expires=later + hour).key


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    """0600, the same at each call; open to others they are refused, malformed too."""
    path = tmp_path / "deep" / "edge.json"
    made = edge_secrets(path)
    assert made == edge_secrets(path) == parse_edge_secrets(path.read_bytes())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert "pepper" not in repr(made)
    path.chmod(0o640)
    with pytest.raises(Refused) as caught:
        edge_secrets(path)
    assert caught.value.finding == "LG631"
    path.chmod(0o600)
    path.write_bytes(b"{}")
    with pytest.raises(VerificationFailed):
        edge_secrets(path)
