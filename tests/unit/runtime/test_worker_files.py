"""The worker's load frame for models with data beside the graph: which files, in which order, of which bytes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread

import pytest

from lockgate.core.digest import digest_of, hex_of
from lockgate.core.table import pack_table, unpack_table
from lockgate.core.wire import WireError
from lockgate.runtime import channel, code_bundle, serving
from lockgate.runtime.jail import worker
from lockgate.runtime.jail.predict import ModelError
from lockgate.runtime.sizes import DATA
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import PythonEnv, named
from tests.support.large import large_model, whole
from tests.support.project import IO

MODEL, WEIGHTS = large_model(3.0)
FILES = {"model.onnx": MODEL, "io.json": IO, DATA: WEIGHTS}
SPEC = serving.parse(IO)


@pytest.fixture(name="ends")
def _ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(20)
        yield ours, theirs


def hand(sock: socket.socket, files: Mapping[str, bytes], stored: Path, digests: Mapping[str, bytes] = FILES) -> None:
    """The load frame that a gateway sends, with the digests of `digests`; the data as a file in `stored`."""
    held = []
    for name, data in files.items():
        if name == DATA:
            (stored / DATA).write_bytes(data)
            held.append(os.open(stored / DATA, os.O_RDONLY))
        else:
            held.append(channel.seal(data, name).fd)
    listed = [{"name": name, "sha256": hex_of(digest_of(digests.get(name, b"")))} for name in files]
    channel.send(sock, {"op": "load", "files": listed}, files=held)
    for fd in held:
        os.close(fd)


def served(ends: tuple[socket.socket, socket.socket]) -> None:
    """Serve what was sent, until nothing more comes. Raises as the worker."""
    ends[0].shutdown(socket.SHUT_WR)
    worker.serve(ends[1])


def test_a_model_with_data_is_served_from_its_jail(tmp_path: Path) -> None:
    """Loaded from the registry's file, which may be damaged as soon as the worker is ready: the answers stay."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    jail = Jail(named("worker", python=PythonEnv.own()))
    running = jail.start(Target("lockgate.runtime.jail.worker", ("3",)), descriptors={3: theirs.fileno()})
    theirs.close()
    hand(ours, FILES, tmp_path)
    ready = channel.receive(ours)
    assert ready is not None
    assert ready[0].header["files"] == {name: hex_of(digest_of(data)) for name, data in FILES.items()}
    (tmp_path / DATA).write_bytes(b"\xff" * len(WEIGHTS))
    header, payload = pack_table(SPEC.field_types, [[1.0], [2.0]], 1)
    channel.send(ours, {"op": "predict", "id": 1, **header}, payload)
    answer = channel.receive(ours)
    assert answer is not None
    (value,) = unpack_table(SPEC.answer_types, answer[0].header, answer[0].payload)
    assert list(value.values()) == [9.0]
    ours.close()
    assert running.wait(20) == 0


def test_a_small_model_is_loaded_as_ever(ends: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    """Two files, both sealed."""
    files = {"model.onnx": whole(MODEL, WEIGHTS), "io.json": IO}
    hand(ends[0], files, tmp_path, files)
    served(ends)
    ready = channel.receive(ends[0])
    assert ready is not None
    assert sorted(ready[0].header["files"]) == ["io.json", "model.onnx"]


@pytest.mark.parametrize("other", [WEIGHTS[:-1], WEIGHTS + b"\0", WEIGHTS[::-1], b"", MODEL])
def test_other_data_than_the_registered_is_not_loaded(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path, other: bytes
) -> None:
    """Truncated, longer, changed, none, another file: the digest says so."""
    hand(ends[0], {**FILES, DATA: other}, tmp_path)
    with pytest.raises(WireError, match="digest"):
        served(ends)


def test_what_is_written_while_it_is_loaded_is_loaded_whole_or_not_at_all(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's copy is made, sealed, then hashed: a change before its hash is seen, one after it too late."""
    made = channel.seal_file

    def later(source: int, name: str, *, max_bytes: int) -> channel.Sealed:
        found = made(source, name, max_bytes=max_bytes)
        (tmp_path / DATA).write_bytes(b"\0" * len(WEIGHTS))
        with pytest.raises(PermissionError):
            os.pwrite(found.fd, b"x", 0)
        return found

    monkeypatch.setattr(channel, "seal_file", later)
    hand(ends[0], FILES, tmp_path)
    ends[0].shutdown(socket.SHUT_WR)
    serving_thread = Thread(target=worker.serve, args=(ends[1],))
    serving_thread.start()
    ready = channel.receive(ends[0])
    serving_thread.join(20)
    assert ready is not None
    assert ready[0].header["files"][DATA] == hex_of(digest_of(WEIGHTS))


def test_the_registry_s_file_is_closed_before_the_model_is_looked_at(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile graph finds no descriptor through which the file could be made writable."""
    held: list[str] = []

    def look(*_arguments: object, **_more: object) -> None:
        held.extend(str(path.resolve()) for path in Path("/proc/self/fd").iterdir())
        raise ModelError("seen enough")

    monkeypatch.setattr(worker, "Model", look)
    hand(ends[0], FILES, tmp_path)
    with pytest.raises(ModelError, match="seen enough"):
        served(ends)
    assert held
    assert str(tmp_path / DATA) not in held


def test_more_than_is_taken_is_not_copied(tmp_path: Path) -> None:
    """A file that grew since it was registered does not fill the memory."""
    (tmp_path / DATA).write_bytes(bytes(100))
    fd = os.open(tmp_path / DATA, os.O_RDONLY)
    with pytest.raises(WireError, match="99"):
        channel.seal_file(fd, DATA, max_bytes=99)
    os.close(fd)


def test_a_graph_that_is_not_sealed_is_not_loaded(ends: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    """Whoever could still write into it."""
    path = tmp_path / "model.onnx"
    path.write_bytes(MODEL)
    fds = [os.open(path, os.O_RDONLY), channel.seal(IO, "io.json").fd]
    listed = [{"name": name, "sha256": hex_of(digest_of(FILES[name]))} for name in ("model.onnx", "io.json")]
    channel.send(ends[0], {"op": "load", "files": listed}, files=fds)
    for fd in fds:
        os.close(fd)
    with pytest.raises(WireError, match="memfd"):
        served(ends)


CODE = code_bundle.pack({"features.py": b"def features(batch):\n    return batch\n"})


@pytest.mark.parametrize(
    "files",
    [
        {"io.json": IO, "model.onnx": MODEL, DATA: WEIGHTS},
        {"model.onnx": MODEL, DATA: WEIGHTS, "io.json": IO},
        {"model.onnx": MODEL, "io.json": IO, "code.json": CODE, DATA: WEIGHTS},
        {**FILES, "other.data": WEIGHTS},
        {"model.onnx": MODEL, "io.json": IO, "weights.data": WEIGHTS},
        {"model.onnx": MODEL},
    ],
    ids=" ".join,
)
def test_other_files_or_another_order_are_no_load_frame(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path, files: dict[str, bytes]
) -> None:
    """Nothing is guessed."""
    hand(ends[0], files, tmp_path, files)
    with pytest.raises(WireError):
        served(ends)


def test_code_without_features_and_data_without_tensors_are_refused(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    """A file more than the model says it needs is none that somebody may add."""
    files = {"model.onnx": whole(MODEL, WEIGHTS), "io.json": IO, DATA: WEIGHTS}
    hand(ends[0], files, tmp_path, files)
    with pytest.raises(ModelError, match="no tensor"):
        served(ends)


def test_code_that_nobody_asked_for_is_refused(ends: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    """io.json names no features."""
    files = {"model.onnx": whole(MODEL, WEIGHTS), "io.json": IO, "code.json": CODE}
    hand(ends[0], files, tmp_path, files)
    with pytest.raises(ModelError, match=r"code\.json"):
        served(ends)


def test_a_graph_with_data_needs_it(ends: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    """Missing."""
    hand(ends[0], {"model.onnx": MODEL, "io.json": IO}, tmp_path)
    with pytest.raises(ModelError):
        served(ends)
