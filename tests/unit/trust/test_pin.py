"""trust.pin: which root this user trusts, and the folder it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.errors import LockgateError, Unavailable, Usage, VerificationFailed
from lockgate.trust import pin

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configuration and state in a temporary folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def finding(act: Callable[[], object], kind: type[LockgateError]) -> str:
    """The finding of `act`, which must raise `kind`."""
    with pytest.raises(kind) as caught:
        act()
    return caught.value.finding


def test_pin_and_unpin(tmp_path: Path) -> None:
    """Not pinned, pinned for two places since the first time, not pinned any more."""
    assert pin.pinned(ONE) is None
    pin.pin(ONE, tmp_path / "a", NOW)
    found = pin.pin(ONE, tmp_path / "b", datetime(2027, 1, 1, tzinfo=UTC))
    assert pin.pinned(ONE) == found == pin.Pin(ONE, (str(tmp_path / "a"), str(tmp_path / "b")), NOW)
    assert (tmp_path / "config" / "lockgate" / ONE / "pin.json").stat().st_mode & 0o777 == 0o600
    pin.unpin(ONE, tmp_path / "a")
    assert [p.places for p in pin.pins()] == [(str(tmp_path / "b"),)]
    pin.unpin(ONE)
    pin.unpin(ONE)
    assert pin.pinned(ONE) is None
    assert not (tmp_path / "config" / "lockgate" / ONE).exists()


def test_a_swapped_folder_is_noticed(tmp_path: Path) -> None:
    """A place that held one project and suddenly holds another, however well signed and pinned: LG826."""
    pin.pin(ONE, tmp_path / "a", NOW)
    pin.pin(TWO, tmp_path / "b", NOW)
    pin.check_place(tmp_path / "a", ONE)
    pin.check_place(tmp_path / "c", TWO)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for place in (tmp_path / "a", tmp_path / "b" / ".." / "a", tmp_path / "link"):
        assert finding(lambda p=place: pin.check_place(p, TWO), VerificationFailed) == "LG826"  # type: ignore[misc]
        assert finding(lambda p=place: pin.pin(TWO, p, NOW), VerificationFailed) == "LG826"  # type: ignore[misc]
    pin.unpin(ONE, tmp_path / "a")
    pin.check_place(tmp_path / "a", TWO)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"pinned_at":"2026-11-23T00:00:00Z","places":["relative"],"project_id":"' + ONE.encode() + b'"}',
        b'{"pinned_at":"2026-11-23T00:00:00Z","places":[],"project_id":"' + TWO.encode() + b'"}',
        b'{"pinned_at":"now","places":[],"project_id":"' + ONE.encode() + b'"}',
        b'{"pinned_at":"2026-11-23T00:00:00Z","places":[],"project_id":"' + ONE.encode() + b'"}\n',
    ],
)
def test_a_damaged_pin_is_not_guessed(tmp_path: Path, data: bytes) -> None:
    """What is believed without proof must be exact."""
    pin.pin(ONE, tmp_path / "a", NOW)
    (tmp_path / "config" / "lockgate" / ONE / "pin.json").write_bytes(data)
    assert finding(lambda: pin.pinned(ONE), VerificationFailed) == "LG827"
    assert finding(lambda: pin.check_place(tmp_path / "z", TWO), VerificationFailed) == "LG827"


@pytest.mark.parametrize("project_id", ["", "1" * 63, "1" * 65, "../" + "1" * 61, "A" * 64])
def test_a_project_id_is_no_path(project_id: str) -> None:
    """It names a folder, so only 64 hex digits are let by."""
    for act in (pin.key_folder, pin.root_key_path, pin.seen_folder, pin.pinned, pin.remove):
        assert finding(lambda a=act: a(project_id), Usage) == "LG829"  # type: ignore[misc]


def test_homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG where it is absolute, else the home folder; without any, said plainly."""
    assert pin.config_home() == tmp_path / "config" / "lockgate"
    assert pin.seen_folder(ONE) == tmp_path / "state" / "lockgate" / ONE / "seen"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert pin.config_home() == tmp_path / "home" / ".config" / "lockgate"
    assert pin.state_home() == tmp_path / "home" / ".local" / "state" / "lockgate"
    monkeypatch.setenv("HOME", "nowhere")
    assert finding(pin.config_home, Unavailable) == "LG835"


def test_remove_leaves_other_projects_alone(tmp_path: Path) -> None:
    """A demo's traces go, and only those."""
    for project_id in (ONE, TWO):
        pin.pin(project_id, tmp_path / project_id[0], NOW)
        pin.seen_folder(project_id).mkdir(parents=True)
    pin.remove(ONE)
    assert pin.pinned(ONE) is None
    assert not pin.seen_folder(ONE).exists()
    assert pin.pinned(TWO) is not None
    assert pin.seen_folder(TWO).exists()
