"""The client registry and the edge's secrets."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.serve import rules
from lockgate.serve.clients import ClientRegistry, parse_clients, render_clients
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
        data.replace(b'"v":1', b'"v":2'),
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
