"""Threat: a user who may write where the socket lies puts something else in its place, and the house opens that to all.

What lies there is looked at by the kernel's word about the very thing, never by its name.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from lockgate.errors import Unavailable
from lockgate.supervise.reception import Reception, connect_unix


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_link_in_the_socket_s_place_opens_nothing(tmp_path: Path) -> None:
    """The file that it leads to keeps its mode; while the socket is there its own is changed, both ways."""
    victim, place = tmp_path / "id_ed25519", tmp_path / "append.sock"
    victim.write_text("key")
    victim.chmod(0o600)
    reception = Reception(place, open_to_all=False)
    assert _mode(place) == 0o600
    reception.admit(open_to_all=True)
    assert _mode(place) == 0o666
    place.rename(tmp_path / "away")
    place.symlink_to(victim)
    reception.admit(open_to_all=False)
    reception.admit(open_to_all=True)
    assert _mode(victim) == 0o600
    place.unlink()
    (tmp_path / "away").rename(place)
    reception.admit(open_to_all=False)
    assert _mode(place) == 0o600
    reception.close()
    assert not place.exists()


def test_another_socket_or_file_in_its_place_opens_nothing(tmp_path: Path) -> None:
    """Be it the user's own: an agent's socket that was moved there."""
    place = tmp_path / "append.sock"
    reception = Reception(place, open_to_all=False)
    place.unlink()
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(place))
        place.chmod(0o600)
        reception.admit(open_to_all=True)
        assert _mode(place) == 0o600
    place.unlink()
    os.link(_file(tmp_path / "secret"), place)
    reception.admit(open_to_all=True)
    assert _mode(place) == 0o600
    reception.close()
    assert place.read_text() == "secret"


def _file(path: Path) -> Path:
    path.write_text("secret")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("mode", "fits"), [(0o777, False), (0o770, False), (0o1777, True), (0o711, True), (0o750, True)]
)
def test_no_socket_in_a_folder_that_others_can_write(tmp_path: Path, mode: int, *, fits: bool) -> None:
    """Refused at the start, with what to do; where names cannot be taken away by others it listens, and is reached."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    if not fits:
        with pytest.raises(Unavailable, match="others can write into its folder") as refused:
            Reception(folder / "append.sock", open_to_all=True)
        assert refused.value.finding == "LG626"
        assert not list(folder.iterdir())
        return
    reception = Reception(folder / "append.sock", open_to_all=True)
    with connect_unix(folder / "append.sock"):
        (sock, uid, name), *_ = reception.step({os.geteuid(): "me"})
        sock.close()
    assert (uid, name) == (os.geteuid(), "me")
    reception.close()


def test_a_folder_of_another_user(tmp_path: Path) -> None:
    """Its owner can put anything there, whatever its mode."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o755)
    os.chown(folder, 65534, 65534)
    with pytest.raises(Unavailable):
        Reception(folder / "append.sock", open_to_all=True)


def test_what_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    """`--socket` with the name of something that lies there; a socket that a former house left is replaced."""
    place = _file(tmp_path / "append.sock")
    with pytest.raises(Unavailable, match="no socket"):
        Reception(place, open_to_all=False)
    assert place.read_text() == "secret"
    place.unlink()
    with socket.socket(socket.AF_UNIX) as former:
        former.bind(str(place))
    Reception(place, open_to_all=False).close()
    assert not place.exists()
