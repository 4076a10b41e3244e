"""audit.witness.client and collect: what a witness answers counts as far as it verifies, and no further."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lockgate.audit import cosigned
from lockgate.audit.witness import client
from lockgate.audit.witness.client import Answer, Outcome, ask, poster, request_for
from lockgate.audit.witness.collect import collect
from lockgate.audit.witness.diary import diary, keep
from lockgate.audit.witness.protocol import Request
from lockgate.core.checkpoint import COSIGNATURE, Note, VerifierKey, parse_checkpoint, parse_note
from lockgate.trust.note import cosign
from lockgate.trust.policy_witness import Witness
from tests.support.sealing import KEY, OTHER_KEY, OTHER_PUBLIC, leaves, read, write
from tests.support.witnesses import NAME, key_of, running, witness_in

HERE = Witness("w1", key_of().verifier, "http://127.0.0.1:1")
SIZE = "text/x.tlog.size"


def _ask(log_dir: Path, answers: list[Answer | OSError], old: int = 0) -> tuple[Outcome, list[int]]:
    """Ask a witness that answers what it is told to; and from which sizes it was asked."""
    log, asked = read(log_dir), list[int]()

    def post(url: str, body: bytes) -> Answer:
        assert url == "http://127.0.0.1:1/add-checkpoint"
        asked.append(Request.parse(body).old)
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    return ask(HERE, log.size, old, lambda size: request_for(log, size), post), asked


def _good(log_dir: Path, time_: int = 7, key: object = None) -> bytes:
    text = parse_note(read(log_dir).note).text
    return f"{key_of().cosign(Note(text, ()), time_).line()}\n".encode()


@pytest.fixture
def log_dir(tmp_path: Path) -> Path:
    """A log of 300 entries."""
    write(tmp_path / "log", leaves(300))
    return tmp_path / "log"


def test_a_cosignature_is_verified_and_taken(log_dir: Path) -> None:
    """The positive control; another key's line beside it is ignored."""
    text = parse_note(read(log_dir).note).text
    other = cosign(text, VerifierKey("else", OTHER_PUBLIC, COSIGNATURE), 3, OTHER_KEY.sign)
    found, asked = _ask(log_dir, [Answer(200, "text/plain", _good(log_dir) + f"{other.line()}\n".encode())])
    assert (found.state, found.time, len(found.lines), asked) == ("cosigned", 7, 1, [0])


def test_after_a_conflict_it_is_asked_from_its_own_size(log_dir: Path) -> None:
    """409 with a size, then the proof from there."""
    found, asked = _ask(log_dir, [Answer(409, SIZE, b"120\n"), Answer(200, "", _good(log_dir))])
    assert (found.state, asked) == ("cosigned", [0, 120])


@pytest.mark.parametrize(
    ("answers", "state", "says"),
    [
        ([OSError("refused")], "failed", "cannot be reached: refused"),
        ([Answer(404, "", b"no")], "failed", "404: it does not know this log"),
        ([Answer(403, "", b"no")], "failed", "403: it knows another key"),
        ([Answer(500, "", b"oh \x1b[31m dear")], "failed", "500"),
        ([Answer(302, "", b"")], "failed", "302"),
        ([Answer(200, "", b"")], "failed", "does not verify"),
        ([Answer(200, "", b"<html>\n")], "failed", "does not verify"),
        ([Answer(409, "text/plain", b"120\n")], "failed", "409"),
        ([Answer(409, SIZE, b"0120\n")], "failed", "409"),
        ([Answer(409, SIZE, b"99999999999999999999\n")], "failed", "409"),
        ([Answer(409, SIZE, b"301\n")], "ahead", "301 entries, and here are 300"),
        ([Answer(409, SIZE, b"300\n"), Answer(409, SIZE, b"300\n")], "forked", "another tree of 300"),
        ([Answer(409, SIZE, b"300\n"), Answer(422, "", b"root")], "forked", "does not go on from the one it has"),
        ([Answer(422, "", b"proof")], "forked", "does not go on"),
        ([Answer(409, SIZE, b"%d\n" % each) for each in (5, 6, 7)], "failed", "another size each time"),
    ],
)
def test_what_else_it_may_answer(answers: list[Answer | OSError], state: str, says: str, log_dir: Path) -> None:
    """Each of them ends the round, in bounded steps; nothing of it is believed but that it was said."""
    found, _ = _ask(log_dir, answers)
    assert (found.state, found.lines) == (state, ())
    assert says in found.why
    assert "\x1b" not in found.why


def test_a_witness_that_forgot_is_told_apart(log_dir: Path) -> None:
    """It cosigned 200 entries, as a line here proves, and now knows of 5: it has lost its record."""
    found, _ = _ask(log_dir, [Answer(409, SIZE, b"5\n")], old=200)
    assert (found.state, found.size) == ("failed", 5)
    assert "forgotten" in found.why


def test_lines_over_another_tree_or_by_another_key_do_not_count(log_dir: Path, tmp_path: Path) -> None:
    """A forged line refuses the whole answer; a stranger's alone is no cosignature."""
    write(tmp_path / "other", leaves(299))
    forged = _good(tmp_path / "other")
    assert _ask(log_dir, [Answer(200, "", forged)])[0].state == "failed"
    assert _ask(log_dir, [Answer(200, "", _good(log_dir) + forged)])[0].state == "failed"
    text = parse_note(read(log_dir).note).text
    strange = cosign(text, VerifierKey(NAME, OTHER_PUBLIC, COSIGNATURE), 3, OTHER_KEY.sign)
    found = _ask(log_dir, [Answer(200, "", f"{strange.line()}\n".encode())])[0]
    assert (found.state, "another key" in found.why) == ("failed", True)
    assert KEY is not OTHER_KEY


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"y"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b"y"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\ny\r\n"),
    ],
)
def test_a_witness_that_drips_has_bounded_time(first: bytes, drop: bytes) -> None:
    """Before the answer, in its first line, its headers, its body of whatever kind: at the deadline it is over."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            link, _ = listening.accept()
            with link, suppress(OSError):
                link.recv(1 << 16)
                link.sendall(first)
                for _ in range(40):
                    link.sendall(drop)
                    time.sleep(0.05)

        thread = threading.Thread(target=serve)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(OSError, match="too long"):
            poster(seconds=0.25)(f"http://127.0.0.1:{listening.getsockname()[1]}/add-checkpoint", b"body")
        assert time.monotonic() - begun < 1.2
        thread.join(5)


def test_a_name_that_is_looked_up_for_ever_has_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends a look-up: it is left behind. And all requests of a command together have `within`."""
    released = threading.Event()

    def slow(*_: object, **__: object) -> list[object]:
        released.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    begun = time.monotonic()
    post = poster(seconds=0.2, within=0.3)
    for _ in range(3):
        with pytest.raises(OSError, match="too long"):
            post("http://witness.example/add-checkpoint", b"body")
    assert time.monotonic() - begun < 1.2
    released.set()


def test_a_long_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than any answer needs."""
    monkeypatch.setattr(client, "MOST_ANSWER", 100)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            link, _ = listening.accept()
            with link:
                link.recv(1 << 16)
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + bytes(200))

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(OSError, match="more than 100 bytes"):
            poster(seconds=5)(f"http://127.0.0.1:{listening.getsockname()[1]}/x", b"")
        thread.join(5)


def test_nobody_there_is_said_at_once() -> None:
    """A port that nobody listens on, a name that leads nowhere, an address out of form."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/x", "https://127.0.0.1:1/x", "http://[::1/x"):
        with pytest.raises(OSError, match=r"."):
            poster(seconds=2)(url, b"")


def test_a_real_witness_follows_a_growing_log(tmp_path: Path) -> None:
    """Through the socket: first from nothing, then from what the kept note says that it cosigned; once per size."""
    log_dir, home = tmp_path / "log", tmp_path / "home"
    with running(tmp_path / "w") as one:
        for size in (3, 300, 700):
            write(log_dir, leaves(size)[read(log_dir).size if (log_dir / "checkpoint").exists() else 0 :])
            found = collect("events", lambda: read(log_dir), [one.witness()], cosigned.kept(home, "events"), poster())
            assert [each.state for each in found.outcomes] == ["cosigned"]
            keep(home, found, 1.0)
        assert [each.status for each in one.told] == [200, 200, 200]
        assert diary(home, "events")["w1"]["size"] == 700
        note = cosigned.kept(home, "events")
        assert note is not None
        assert parse_checkpoint(parse_note(note).text).size == 700
        assert list(cosigned.cosignatures(note, {"w1": one.witness().key})) == ["w1"]


def test_a_log_that_grew_meanwhile_is_no_alarm(tmp_path: Path) -> None:
    """Another process had a longer checkpoint cosigned first: the log is read again, and has come so far."""
    log_dir = tmp_path / "log"
    write(log_dir, leaves(5))
    stale = read(log_dir)
    write(log_dir, leaves(9)[5:])
    witness, _ = witness_in(tmp_path / "w")

    def post(url: str, body: bytes) -> Answer:
        status, answer, kind = witness.add_checkpoint(body)
        return Answer(status, kind, answer)

    witness.add_checkpoint(request_for(read(log_dir), 0).encode())
    opened = [stale, read(log_dir)]
    found = collect("events", lambda: opened.pop(0), [HERE], None, post)
    assert ([each.state for each in found.outcomes], found.size) == (["cosigned"], 9)
    # The same with nothing newer to be read: an alarm.
    alone = collect("events", lambda: stale, [HERE], None, post)
    assert [each.state for each in alone.alarms] == ["ahead"]
    assert "LG7012" in alone.sentence(alone.alarms[0])
