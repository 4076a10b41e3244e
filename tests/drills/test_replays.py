"""The core of drills: what an attempt shows, how many play, and that nothing is left of any of them."""

from __future__ import annotations

import os
import py_compile
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.drills.replays.all import DRILLS
from lockgate.drills.replays.program import Program, copied, fetching
from lockgate.drills.replays.run import play, play_one
from lockgate.drills.replays.scene import Scene
from lockgate.drills.replays.spec import Drill, NotApplicable, Outcome, Tried, judged
from lockgate.drills.replays.workplace import workplace
from lockgate.errors import Refused, Unavailable
from lockgate.project.threats.program import digest
from lockgate.sandbox.own_program import Children, run

LONG = (sys.executable, "-c", "import time; time.sleep(60)")


def drill(act: Callable[[Scene], Tried], name: str = "some", limit: str = "") -> Drill:
    """One of this test's own."""
    return Drill(name, "does something", "LT99", "a-control", "LG100", act, limit=limit)


def tried(*seen: object, reached: bool = False) -> Tried:
    """What an attacker saw."""
    return Tried("did", "lockgate verify", seen, reached=reached)


@pytest.fixture
def stage(tmp_path: Path) -> Scene:
    """A twin without a project: what is played in it asks no command."""
    for name in ("twin/.lockgate/env", "config", "state"):
        (tmp_path / name).mkdir(parents=True)
    return Scene(tmp_path, tmp_path / "twin", Program(tmp_path))


@pytest.mark.parametrize(
    ("seen", "reached", "limit", "expected"),
    [
        ({"finding": "LG100"}, False, "", (True, "LG100")),
        ({"errors": [{"finding": "LG100"}]}, False, "", (True, "LG100")),
        ({"runs": [{"results": [{"ruleId": "LG100"}]}]}, False, "", ("part", "LG100")),
        ({"finding": "LG100"}, True, "", (False, None)),
        ({"finding": "LG100"}, True, "it has one", (False, None)),
        ({"finding": "LG101"}, False, "", (False, None)),
        ({"finding": "LG1001"}, False, "", (False, None)),
        ({"message": "LG100 was not told"}, False, "", (False, None)),
        ("LG100", False, "", (False, None)),
        (None, False, "", (False, None)),
    ],
)
def test_only_the_named_finding_stops_an_attack(
    seen: object, reached: bool, limit: str, expected: tuple[object, object]
) -> None:
    """Where a finding is named, and nowhere else; another one stops nothing, whatever the exit code."""
    limit = limit or ("it has one" if expected[0] == "part" else "")

    found = judged(drill(lambda _: tried(), limit=limit), tried(seen, reached=reached))

    assert expected == (found.stopped, found.finding)


def test_who_gets_on_was_not_stopped_unless_the_control_only_tells() -> None:
    """A finding that one of many answers told hides no success: in part is for controls that warn, and say so."""
    for one in DRILLS.values():
        found = judged(one, tried({"finding": one.finding}, reached=True))
        assert found.stopped == ("part" if one.warns else False), one.id
    assert len(DRILLS) > 40


@given(others=st.lists(st.sampled_from(["LG101", "LG999", "LG1000", "LG10"])), deep=st.integers(0, 5))
def test_a_finding_is_found_however_deep(others: list[str], deep: int) -> None:
    """Documents of commands differ; what is named `finding` in any of them counts, and all others are told."""
    document: object = {"finding": "LG100", "others": [{"finding": one} for one in others]}
    for _ in range(deep):
        document = [{"inner": document}]

    found = judged(drill(lambda _: tried()), tried(document))

    assert found.stopped is True
    assert {"LG100", *others} == set(found.others)


@pytest.mark.parametrize(
    "error", [Refused("LG101", "no"), OSError("no"), KeyError("no"), TypeError("no"), ZeroDivisionError("no")]
)
def test_a_drill_that_breaks_down_has_stopped_nothing(error: Exception, stage: Scene) -> None:
    """Whatever ended it: not stopped, with the reason; the next one plays."""

    def act(_: Scene) -> Tried:
        raise error

    first, second = play([drill(act), drill(lambda _: tried({"finding": "LG100"}), "other")], stage)

    assert (first.stopped, "no" in first.why) == (False, True)
    assert first.applies
    assert second.stopped is True


def test_what_does_not_apply_is_no_result(stage: Scene) -> None:
    """Neither good nor bad: it says why."""

    def act(_: Scene) -> Tried:
        raise NotApplicable("it has no number")

    found = play_one(drill(act), stage)

    assert (found.applies, found.inapplicable, found.why) == (False, "it has no number", "")


def test_each_plays_in_a_copy_of_its_own_that_is_gone_afterwards(stage: Scene) -> None:
    """What one attacker writes, keys and pins too, no other one sees, and the twin stays as it was."""
    (stage.root / "policy.toml").write_text("honest")
    before = sorted(stage.place.rglob("*"))

    def act(scene: Scene) -> Tried:
        read = (scene.root / "policy.toml").read_text()
        for file in (scene.root / "policy.toml", scene.program.home / "state" / "pin"):
            file.write_text("loose")
        return tried({"finding": "LG100"} if read == "honest" else None)

    found = list(play([drill(act, name) for name in ("one", "two", "three")], stage))

    assert [one.stopped for one in found] == [True] * 3
    assert before == sorted(stage.place.rglob("*"))
    assert (stage.root / "policy.toml").read_text() == "honest"


def test_two_play_at_a_time_and_are_told_in_order(stage: Scene) -> None:
    """The first one ends only when the second one plays, and is told first all the same."""
    meet = threading.Barrier(2, timeout=20)

    def slow(_: Scene) -> Tried:
        meet.wait()
        time.sleep(0.2)
        return tried({"finding": "LG100"})

    def fast(_: Scene) -> Tried:
        meet.wait()
        return tried({"finding": "LG100"})

    found = list(play([drill(slow, "slow"), drill(fast, "fast")], stage, at_once=2))

    assert [(one.drill.id, one.stopped, one.why) for one in found] == [("slow", True, ""), ("fast", True, "")]


def test_of_those_that_ask_a_gateway_one_plays_at_a_time(stage: Scene) -> None:
    """What a gateway answers may depend on what else it is asked; others play beside it, and all are told in order."""
    asking, most, lock = 0, 0, threading.Lock()

    def ask(_: Scene) -> Tried:
        nonlocal asking, most
        with lock:
            asking += 1
            most = max(most, asking)
        time.sleep(0.02)
        with lock:
            asking -= 1
        return tried({"finding": "LG100"})

    names = [f"drill-{number}" for number in range(9)]
    drills = [
        replace(drill(ask if number % 2 else lambda _: tried(), name), served=bool(number % 2))
        for number, name in enumerate(names)
    ]

    found = list(play(drills, stage, at_once=3))

    assert names == [one.drill.id for one in found]
    assert most == 1


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def interrupted() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where these tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupted")
def test_whoever_leaves_ends_what_plays(stage: Scene) -> None:
    """Ctrl-C while two play: their commands are ended, with what those have started, and nobody is waited for."""
    pids: list[int] = []
    script = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "open(sys.argv[1], 'w').write(str(child.pid)); child.wait()"
    )

    def act(scene: Scene) -> Tried:
        told = scene.place / "pid"
        threading.Timer(0.0, lambda: pids.append(_read(told))).start()
        run((sys.executable, "-c", script, str(told)), os.environ, scene.place, 60, scene.program.children)
        return tried()

    begun = time.monotonic()
    playing = play([drill(act, "one"), drill(act, "two")], stage, at_once=2)
    killer = threading.Thread(target=_interrupt, args=(pids,))
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        list(playing)
    killer.join()

    assert time.monotonic() - begun < 40
    assert [_alive(pid) for pid in pids] == [False, False]


def _read(path: Path) -> int:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if path.is_file() and path.read_text():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError(path)


def _interrupt(pids: list[int]) -> None:
    while len(pids) < 2:
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)


def _interrupted_in_a_twin(folder: Path, number: int) -> None:
    with workplace(Program(folder)) as place:
        (place / "twin").mkdir()
        os.kill(os.getpid(), number)
        time.sleep(5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_twin_is_gone_however_drills_end(number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A terminal that is closed, a job that is ended: as Ctrl-C."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = signal.getsignal(number)

    with pytest.raises(KeyboardInterrupt):
        _interrupted_in_a_twin(tmp_path, number)

    assert list(tmp_path.iterdir()) == []
    assert before == signal.getsignal(number)


def test_a_twin_without_room_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is copied; a place that has room is taken where the usual one has none."""
    roomy = tmp_path / "roomy"
    roomy.mkdir()
    usage = type("Usage", (), {"free": 1 << 40})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage if path == roomy else type("Full", (), {"free": 5}))

    with workplace(Program(tmp_path), roomy) as place:
        assert roomy == place.parent
    with pytest.raises(Unavailable, match="no room") as refused, workplace(Program(tmp_path)):
        pass
    assert refused.value.finding == "LG9004"


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """It has no exit code then: no drill takes that for a refusal."""
    found = run(LONG, os.environ, tmp_path, 0.3)

    assert found.code is None


def test_after_the_end_nothing_is_started(tmp_path: Path) -> None:
    """A drill that goes on for a moment after Ctrl-C starts no further command."""
    children = Children()
    children.close()

    with pytest.raises(KeyboardInterrupt):
        run(LONG, os.environ, tmp_path, 60, children)


def test_commands_of_a_twin_have_homes_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, pin, token or agent of the user's reaches them, for hostile files are read; the wished jail does."""
    theirs = ("LOCKGATE_PASSPHRASE", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "CREDENTIALS_DIRECTORY")
    for name in (*theirs, "PIP_INDEX_URL", "https_proxy", "XDG_DATA_HOME", "PYTHONPATH", "HOME_", "MY_PATH"):
        monkeypatch.setenv(name, "secret")
    ours = {"LOCKGATE_LAUNCHER": "bubblewrap", "PATH": "/bin", "LC_ALL": "C", "OMP_NUM_THREADS": "1", "HOME": "/h"}
    for name, value in ours.items():
        monkeypatch.setenv(name, value)

    found = Program(tmp_path).environ()

    homes = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    assert homes | ours == {name: found[name] for name in homes | ours}
    assert "secret" not in found.values()
    assert {"PIP_INDEX_URL", "https_proxy"} <= set(fetching())
    assert not set(theirs) & set(fetching())


def test_a_twin_has_its_own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where it was given one; else the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/theirs")

    assert Program(tmp_path).environ()["XDG_CACHE_HOME"] == "/theirs"
    assert Program(tmp_path, cache=tmp_path).environ()["XDG_CACHE_HOME"] == str(tmp_path)


def test_no_file_of_a_twin_is_imported_by_who_drills_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A project may bring a `lockgate` of its own, or a `json`: it would run as the user, and say "stopped"."""
    hostile = "import pathlib; pathlib.Path('ran').touch(); print('{\"finding\": \"LG802\"}')\n"
    (tmp_path / "lockgate").mkdir()
    for name in ("lockgate/__init__.py", "lockgate/__main__.py", "json.py", "click.py"):
        (tmp_path / name).write_text(hostile)
    monkeypatch.setenv("PYTHONPATH", ".:")

    done = Program(tmp_path)("explain", "LG203", at=tmp_path)

    assert (done.code, done.document["id"]) == (0, "LG203")
    assert not (tmp_path / "ran").exists()


def test_the_digest_of_the_program_is_that_of_its_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same for the same files, whatever is compiled beside them; one byte, or one file more, makes it another."""
    for place in ("a", "b"):
        (tmp_path / place / "core").mkdir(parents=True)
        for name in ("__init__.py", "core/one.py"):
            (tmp_path / place / name).write_text(name)
    (tmp_path / "b" / "__pycache__").mkdir()
    (tmp_path / "b" / "__pycache__" / "one.pyc").write_text("compiled")

    def of(place: str) -> str:
        monkeypatch.setattr("lockgate.__file__", str(tmp_path / place / "__init__.py"))
        return str(digest())

    assert of("a") == of("b")
    (tmp_path / "b" / "core" / "two.toml").touch()
    assert of("a") != of("b")
    (tmp_path / "a" / "core" / "two.toml").touch()
    assert of("a") == of("b")
    (tmp_path / "a" / "core" / "one.py").write_text("core/one.pY")
    assert of("a") != of("b")


def test_what_runs_is_the_sources_that_were_digested(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody compiled other code beside the sources: their digest is the same, and what runs is not."""
    package = tmp_path / "installed" / "lockgate"
    package.mkdir(parents=True)
    source = package / "__main__.py"
    (package / "__init__.py").touch()
    source.write_text('print(\'{"finding": "LG802"}\')\n')
    compiled = Path(py_compile.compile(str(source), doraise=True) or "")
    seen = source.stat()
    source.write_text('print(\'{"finding": "LG000"}\')\n')
    os.utime(source, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    monkeypatch.setattr("lockgate.__file__", str(package / "__init__.py"))

    honest = copied(tmp_path / "copy")

    def told(path: Path) -> str:
        return str(Program(tmp_path, path=path)("explain", at=tmp_path).document["finding"])

    assert compiled.is_file()
    assert (told(package.parent), told(honest)) == ("LG802", "LG000")
    assert digest() == digest(honest)
    assert (honest / "lockgate" / "__pycache__").is_dir()


def test_an_outcome_says_what_a_statement_needs() -> None:
    """One entry of `drills` of `lockgate.drill/v1`."""
    found = Outcome(drill(lambda _: tried()), tried(), True, "LG100").as_json()

    wanted = {"id", "threat", "control", "incident", "stopped", "finding", "expected", "limit", "entry"}
    assert set() == wanted - set(found)
    assert (found["id"], found["threat"], found["stopped"], found["finding"]) == ("some", "LT99", True, "LG100")
