"""Standard streams as frames over the channel: what `Jail.run` promises of them holds there too.

Run with bubblewrap, told to hand nothing on: the same relay as for gVisor and podman, without their start-up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lockgate.errors import Unfit
from lockgate.sandbox._bwrap.launcher import BubblewrapJail, BubblewrapLauncher
from lockgate.sandbox._pump import Talk
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import JailSettings, Limits, PythonEnv, named
from tests.support import launchers

SETTINGS = named("train", python=PythonEnv.own())


class _RelayingJail(BubblewrapJail):
    relays = True


class _Relaying(BubblewrapLauncher):
    def prepare(self, settings: JailSettings, *, long_lived: bool) -> BubblewrapJail:
        found = super().prepare(settings, long_lived=long_lived)
        found.__class__ = _RelayingJail
        return found


def jail(settings: JailSettings = SETTINGS) -> Jail:
    """A jail that hands no descriptor on."""
    return Jail(settings, launcher=_Relaying())


def python(code: str) -> Target:
    """A target that runs `code`."""
    return Target(command=("python", "-c", code))


def test_both_directions_at_once_and_more_than_any_buffer() -> None:
    """An echo of 20 MB, told as it comes: neither side waits for the other for ever."""
    given = os.urandom(1 << 20) * 20
    limits = Limits(talk_bytes=32 << 20)
    heard: list[bytes] = []
    result = jail(named("train", python=PythonEnv.own(), limits=limits)).run(
        Target(command=("cat",)), stdin=given, talk=heard.append
    )
    assert (result.exit_code, result.ended) == (0, "exit")
    assert result.talk == b"".join(heard) == given
    assert len(heard) > 1


def test_output_and_errors_are_kept_apart_or_together() -> None:
    """As the caller asks; the exit code and a file arrive beside them."""
    out: list[bytes] = []
    err: list[bytes] = []
    target = Target(command=("sh", "-c", "echo out; echo err >&2; exit 7"))
    assert jail().run(target, talk=out.append, errors=err.append).exit_code == 7
    assert (b"".join(out), b"".join(err)) == (b"out\n", b"err\n")
    assert jail().run(target).talk == b"out\nerr\n"


@pytest.mark.parametrize("kind", ["pipe", "file", "empty file", "nothing"])
def test_every_kind_of_input_has_its_end(kind: str, tmp_path: Path) -> None:
    """What reads to the end gets there, whatever the caller gave."""
    data = b"" if kind in ("empty file", "nothing") else b"line\n" * 10_000
    ours: int | bytes = b""
    if kind == "pipe":
        ours, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
    elif kind != "nothing":
        (tmp_path / "in").write_bytes(data)
        ours = os.open(tmp_path / "in", os.O_RDONLY)
    code = "import os, sys; print(len(sys.stdin.buffer.read()), os.readlink('/proc/self/fd/0')[:5])"
    result = jail().run(python(code), stdin=ours)
    if isinstance(ours, int):
        os.close(ours)
    assert result.talk == f"{len(data)} pipe:\n".encode()


@pytest.mark.parametrize("code", ["pass", "import os; os.close(0); import time; time.sleep(0.2)"])
def test_a_target_that_does_not_read_is_not_waited_for(code: str) -> None:
    """A large input, and an endless source, behind a target that ends or closes its end."""
    assert jail().run(python(code), stdin=b"x" * (8 << 20)).ok
    ours, writing = os.pipe()
    try:
        os.write(writing, b"x" * 60_000)
        assert jail().run(python(code), stdin=ours).ok
    finally:
        os.close(ours)
        os.close(writing)


def test_what_a_daemon_still_holds_does_not_keep_the_run(tmp_path: Path) -> None:
    """The target has ended, its daemon holds the output: it is killed, what was said before is told, files arrive."""
    code = (
        "import os, time\nopen('/out/x', 'w').write('kept')\n"
        "if os.fork() == 0:\n  os.setsid(); os.write(1, b'daemon'); time.sleep(60)\ntime.sleep(0.2)"
    )
    result = jail().run(python(code), out_dir=tmp_path)
    assert (result.exit_code, result.talk) == (0, b"daemon")
    assert result.files["x"].read_text() == "kept"


def test_talk_is_bounded() -> None:
    """A flood ends the jail, and no more than was allowed is kept."""
    limits = Limits(talk_bytes=1 << 20)
    result = jail(named("train", python=PythonEnv.own(), limits=limits)).run(Target(command=("yes",)))
    assert (result.ended, len(result.talk)) == ("talk", 1 << 20)


def test_exactly_the_limit_is_no_flood() -> None:
    """The bound is inclusive, and an empty sink is fine."""
    talk = Talk(4)
    heard: list[bytes] = []
    assert talk.take(b"abc", heard.append)
    assert talk.take(b"d", None)
    assert not talk.take(b"ef", heard.append)
    assert (talk.said, heard) == (b"abcd", [b"abc"])


def test_descriptors_are_refused_before_anything_starts() -> None:
    """A jail that needs an inherited descriptor cannot be had from such a launcher."""
    with pytest.raises(Unfit) as refused:
        jail().run(Target(command=("true",)), descriptors={3: 0})
    assert refused.value.finding == "LG917"
    with pytest.raises(Unfit) as refused:
        jail().start(Target(command=("true",)), descriptors={})
    assert refused.value.finding == "LG917"
    assert "LOCKGATE_LAUNCHER=bubblewrap" in refused.value.next


def test_the_canaries_of_the_launchers_tests_are_reached_without_a_jail(tmp_path: Path) -> None:
    """The positive control of `test_gvisor` and `test_podman`: the attempts are written so that they work."""
    with launchers.canaries(tmp_path) as given:
        words = [sys.executable, "-c", launchers.CANARY_PROGRAM]
        run = subprocess.run(words, input=given, capture_output=True, check=False)
    found = json.loads(run.stdout.splitlines()[0])
    assert set(found) == set(launchers.ATTEMPTS)
    assert {name for name in launchers.REACHED_OUTSIDE if found[name] == "stopped"} == set()
