"""Looking at any files: the walk in the jail, what the host believes of it, and what it shows."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.digest import digest_of, hex_of
from lockgate.errors import Refused, Usage
from lockgate.register import scanning, shown_files
from lockgate.register.jail import folder_walk, held_file, scan_files
from lockgate.register.jail import inspect as inspecting
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.folder_walk import Outcome, outcomes
from lockgate.register.jail.held_file import held, opened
from lockgate.register.scan_words import line_of
from lockgate.register.scanning import scan_paths
from lockgate.register.shown_files import show
from lockgate.sandbox.launch import JailResult
from lockgate.sandbox.report import JailReport, Probe
from tests.support.imports import safetensors

REPORT = JailReport(
    "none", "parse", digest_of(b"settings"), (Probe("all", "none", holds=True, witness="a test's"),), {}
)


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"hello\n")
    (folder / "sub" / "w.safetensors").write_bytes(safetensors())
    (folder / "x.pkl").write_bytes(b"cos\nsystem\n(S'id'\ntR.")
    (folder / "link.txt").symlink_to("a.txt")
    (folder / "gone").symlink_to("/etc")
    return folder


def _walk(folder: Path, **how: Any) -> dict[str, Outcome]:
    with opened(folder) as top:
        return {one.name: one for one in outcomes(top, allow="outside", **how)}


def test_every_entry_has_one_outcome(folder: Path) -> None:
    """Harmless, refused, and what is not looked at with its reason; digests are those of the bytes."""
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        found = _walk(folder)
    assert {name: one.verdict for name, one in found.items()} == {
        "a.txt": "ok",
        "gone": "skipped",
        "link.txt": "skipped",
        "pipe": "skipped",
        "s": "skipped",
        "sub/w.safetensors": "ok",
        "x.pkl": "refused",
    }
    assert found["a.txt"].sha256 == hex_of(digest_of(b"hello\n"))
    assert (found["x.pkl"].finding, found["pipe"].finding) == ("LG410", "LG474")
    assert ("link" in found["gone"].message, "socket" in found["s"].message) == (True, True)


def test_an_empty_file_that_torch_writes_beside_a_model_is_harmless(tmp_path: Path) -> None:
    """With the model beside it and nothing in it; otherwise it stays out."""
    for name, data in (("m.onnx", b"x"), ("m.onnx.data", b""), ("n.onnx.data", b""), ("o.onnx", b"x")):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "o.onnx.data").write_bytes(b"\0")
    verdicts = {name: one.verdict for name, one in _walk(tmp_path).items() if name.endswith(".data")}
    assert verdicts == {"m.onnx.data": "ok", "n.onnx.data": "refused", "o.onnx.data": "refused"}


def test_a_parser_that_breaks_off_is_a_verdict_and_the_next_file_is_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is raised, memory that ran out among it: failed, LG420."""
    real = inspecting.inspect

    def inspect(name: str, *arguments: Any, **how: Any) -> Any:
        if name == "a.txt":
            raise MemoryError
        if name == "x.pkl":
            raise ZeroDivisionError
        return real(name, *arguments, **how)

    monkeypatch.setattr(folder_walk, "inspect", inspect)
    found = _walk(folder)
    assert {name: one.finding for name, one in found.items() if one.verdict == "failed"} == {
        "a.txt": "LG420",
        "x.pkl": "LG420",
    }
    assert ("memory" in found["a.txt"].message, found["sub/w.safetensors"].verdict) == (True, "ok")


def test_too_many_files_and_folders_too_deep_are_said_to_be_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never silently: one outcome says where it stopped."""
    found = _walk(folder, most=2)
    assert [one.verdict for one in found.values()].count("skipped") == 2
    assert "more files" in list(found.values())[-1].message
    monkeypatch.setattr(folder_walk, "MOST_DEPTH", 0)
    assert "too deeply" in _walk(folder)["sub"].message


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda path: path.write_bytes(b"other bytes of it"),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"!"),
    "there and back": lambda path: (path.write_bytes(b"x" * 17), path.write_bytes(b"the bytes of this")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_large_file_that_changes_while_it_is_parsed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    """LG473, also when the bytes are put back; one that holds still is looked at."""
    monkeypatch.setattr(held_file, "SMALL", 4)
    path = tmp_path / "a.txt"
    path.write_bytes(b"the bytes of this")
    with opened(tmp_path) as top, held(top, "a.txt") as file:
        assert file.looked_at(lambda stream, size: (stream.read(), size)) == (b"the bytes of this", 17)
        with pytest.raises(NotAllowed) as no:
            file.looked_at(lambda _stream, _size: change(path))
    assert no.value.finding == "LG473"


def test_bytes_are_compared_whatever_the_clock_of_the_disk_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that leaves no trace in the times is seen by the second digest."""
    monkeypatch.setattr(held_file, "SMALL", 4)
    monkeypatch.setattr(held_file, "stamp_of", lambda _status: (0,))
    path = tmp_path / "a.txt"
    path.write_bytes(b"the bytes of this")
    with opened(tmp_path) as top, held(top, "a.txt") as file, pytest.raises(NotAllowed):
        file.looked_at(lambda _stream, _size: path.write_bytes(b"the bytes of that"))


def test_a_file_that_takes_too_long_is_ended_by_the_system(folder: Path) -> None:
    """No handler of ours runs: a loop inside a library is ended too. The line before says which file it was at."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - another process
        os.dup2(writing, 1)
        scan_files.SECONDS = 0.05  # type: ignore[misc, assignment]
        folder_walk.__dict__["inspect"] = lambda *_, **__: [None for _ in iter(int, 1)]
        scan_files.sys.stdout = os.fdopen(1, "w")  # type: ignore[attr-defined]
        list(scan_files._outcomes(0, {"place": str(folder), "names": None, "prefix": ""}, set(), ()))
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as said:
        assert json.loads(said.readline()) == {"begin": [0, "a.txt"]}
    assert os.WTERMSIG(status) == signal.SIGPROF


class FakeJail:
    """Writes the lines of one start after another, and ends as told."""

    starts: Iterator[tuple[list[Any], int]]
    tasks: list[dict[str, Any]]

    def __init__(self, _settings: object) -> None:
        return

    def run(self, _target: object, *, stdin: bytes, talk: Callable[[bytes], None], errors: object) -> JailResult:
        """As `Jail.run`."""
        assert errors is not None
        self.tasks.append(json.loads(stdin))
        lines, code = next(self.starts)
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        for at in range(0, len(data), 7):
            talk(data[at : at + 7])
        return JailResult(code, "exit" if code < 128 else "signal", REPORT)


@pytest.fixture(name="jail")
def _jail(monkeypatch: pytest.MonkeyPatch) -> Callable[..., type[FakeJail]]:
    def starts(*given: tuple[list[Any], int]) -> type[FakeJail]:
        FakeJail.starts, FakeJail.tasks = iter(given), []
        monkeypatch.setattr(scanning, "Jail", FakeJail)
        return FakeJail

    return starts


def _ok(name: str, **changes: object) -> dict[str, Any]:
    told = {
        "name": name,
        "verdict": "ok",
        "sha256": "ab" * 32,
        "size": 1,
        "format": "text",
        "facts": {},
        "finding": "",
        "message": "",
        "seen": {},
    }
    return {"outcome": [0, {**told, **changes}]}


def _begin(name: str) -> dict[str, Any]:
    return {"begin": [0, name]}


END = {"end": True}


def _verdicts(found: Mapping[str, Any]) -> dict[str, str]:
    return {Path(one["path"]).name: one["verdict"] for one in found["files"]}


def test_a_jail_that_dies_costs_one_file(folder: Path, jail: Callable[..., type[FakeJail]]) -> None:
    """That one is failed with its reason, another jail goes on behind it, and knows what is done."""
    fake = jail(
        ([_begin("a"), _ok("a"), _begin("b")], 137),
        ([_begin("c")], 128 + signal.SIGPROF),
        ([_begin("d"), _ok("d"), END], 0),
    )
    scanned = scan_paths([str(folder)])
    assert _verdicts(scanned.as_json()) == {"a": "ok", "b": "failed", "c": "failed", "d": "ok"}
    assert [task["done"] for task in fake.tasks] == [[], [[0, "a"], [0, "b"]], [[0, "a"], [0, "b"], [0, "c"]]]
    assert ("time" in scanned.files[2].message, scanned.harmless) == (True, False)


def test_jails_that_come_to_no_end_are_not_started_for_ever(folder: Path, jail: Callable[..., type[FakeJail]]) -> None:
    """What nobody looked at is said to be so: not harmless."""
    jail(([], 137))
    scanned = scan_paths([str(folder)])
    assert [(one.verdict, one.finding) for one in scanned.files] == [("skipped", "LG474")]
    jail(([], 137))
    assert not scan_paths([str(folder)], exclude=["*"]).counts["excluded"]


LIES: dict[str, list[Any]] = {
    "a file that was not begun": [_ok("a"), END],
    "another than was begun": [_begin("a"), _ok("b")],
    "twice": [_begin("a"), _ok("a"), _begin("a")],
    "no such folder": [{"begin": [9, "a"]}],
    "no digest": [_begin("a"), _ok("a", sha256="")],
    "ok with a finding": [_begin("a"), _ok("a", finding="LG410")],
    "a verdict of its own": [_begin("a"), _ok("a", verdict="fine")],
    "a finding of its own": [_begin("a"), _ok("a", verdict="refused", format="", finding="LG999")],
    "a size of its own": [_begin("a"), _ok("a", size="1")],
    "behind the end": [END, _begin("a")],
    "no line": ["hello"],
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_what_a_jail_cannot_have_seen_is_not_believed(
    folder: Path, jail: Callable[..., type[FakeJail]], lie: list[Any]
) -> None:
    """LG421, for a line out of form or out of order."""
    jail((lie, 0))
    with pytest.raises(Refused) as no:
        scan_paths([str(folder)])
    assert no.value.finding == "LG421"


def test_a_line_without_an_end_is_not_kept(folder: Path, jail: Callable[..., type[FakeJail]]) -> None:
    """A jail cannot fill our memory with it."""
    jail((["x" * (1 << 20)], 0))
    with pytest.raises(Refused) as no:
        scan_paths([str(folder)])
    assert no.value.finding == "LG421"


def test_names_of_any_bytes_come_through(tmp_path: Path) -> None:
    """What the jail writes about a file is about the file of that very name."""
    name = os.fsdecode(b"\xff\x1b[2J\n.txt")
    (tmp_path / name).write_bytes(b"x")
    (outcome,) = _walk(tmp_path).values()
    line = line_of(json.dumps({"outcome": [0, scan_files._short(outcome)]}).encode())
    assert line.name == name


def test_a_folder_with_a_socket_is_shown_without_it(folder: Path, tmp_path: Path) -> None:
    """A plain folder is shown as it lies there; one that holds a door is copied, and the door told as not looked at."""
    (tmp_path / "scratch").mkdir()
    assert show([str(folder)], tmp_path / "scratch").roots[0].folder == folder
    os.mkfifo(folder / "sub" / "pipe")
    shown = show([str(folder)], tmp_path / "scratch")
    assert [(one.path, one.finding) for one in shown.missed if "pipe" in one.path] == [(f"{folder}/sub/pipe", "LG474")]
    copied = {path.relative_to(shown.roots[0].folder).as_posix() for path in shown.roots[0].folder.rglob("*")}
    assert copied == {"a.txt", "sub", "sub/w.safetensors", "x.pkl"}


def test_files_that_are_named_one_by_one_are_all_that_is_shown(folder: Path, tmp_path: Path) -> None:
    """Not their neighbours, but for data beside an ONNX model. Where a link leads is told; a wrong path is usage."""
    for name in ("m.onnx", "m.onnx.data", "id_rsa"):
        (folder / name).write_bytes(b"x")
    shown = show([f"{folder}/a.txt", f"{folder}/link.txt", f"{folder}/a.txt"], tmp_path / "one")
    assert [path.name for path in shown.roots[0].folder.iterdir()] == ["a.txt"]
    assert "leads to a.txt" in shown.missed[0].message
    shown = show([f"{folder}/m.onnx"], tmp_path / "two")
    assert sorted(path.name for path in shown.roots[0].folder.iterdir()) == ["m.onnx", "m.onnx.data"]
    assert shown.roots[0].names == ("m.onnx",)
    with pytest.raises(Usage):
        show([f"{folder}/nothing"], tmp_path / "three")


def test_more_files_than_the_limit_are_not_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first that is left is named."""
    os.mkfifo(folder / "pipe")
    monkeypatch.setattr(shown_files, "MAX_FILES", 1)
    shown = show([str(folder)], tmp_path / "scratch")
    assert any("more than 1 files" in one.message for one in shown.missed)


def _skip(name: str, **seen: object) -> dict[str, Any]:
    return _ok(name, verdict="skipped", sha256="", format="", finding="LG474", message="excluded", seen=seen)


def test_a_jail_cannot_exclude_anything(folder: Path, jail: Callable[..., type[FakeJail]]) -> None:
    """What a person left out is excluded by its name; what else was not looked at is no all-clear, nor is a rest."""
    refused = _ok("e.pkl", verdict="refused", format="", finding="LG410")
    said = [_skip("sub/b.pkl"), _skip("c.txt"), _skip("d.pkl", rest=True), refused]
    jail(([_begin("a"), _ok("a"), *said, END], 0))
    scanned = scan_paths([str(folder)], exclude=["*.pkl"])
    found = {"a": "ok", "b.pkl": "excluded", "c.txt": "skipped", "d.pkl": "skipped", "e.pkl": "refused"}
    assert found == _verdicts(scanned.as_json())
    assert not scanned.harmless
