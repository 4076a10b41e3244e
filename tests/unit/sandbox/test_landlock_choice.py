"""Which launcher makes a jail: bubblewrap, unless it cannot and less is allowed, or somebody asks for another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from lockgate.errors import Unfit, Usage
from lockgate.sandbox import levels
from lockgate.sandbox._bwrap.launcher import BubblewrapLauncher
from lockgate.sandbox._handshake import _not_started
from lockgate.sandbox._landlock import abi
from lockgate.sandbox.launch import Jail, JailReport, Target
from lockgate.sandbox.settings import Bind, JailName, PythonEnv, named

if TYPE_CHECKING:
    from lockgate.sandbox._keeper import Keeper

TRAIN = named("train", python=PythonEnv.own())


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(levels.WISH, raising=False)
    levels._bubblewrap_works.cache_clear()
    yield
    levels._bubblewrap_works.cache_clear()


@pytest.fixture(name="forbidden")
def _forbidden(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine without namespaces; what is listed is each time that bubblewrap was asked."""
    asked: list[str] = []

    def no(_self: BubblewrapLauncher, _settings: Any, *, long_lived: bool) -> Any:
        asked.append(f"long-lived: {long_lived}")
        raise Unfit("LG901", "this machine does not let an ordinary user make namespaces", next="lockgate doctor")

    monkeypatch.setattr(BubblewrapLauncher, "prepare", no)
    return asked


def test_bubblewrap_is_taken_where_it_works() -> None:
    """Also where less would be enough: the best that there is."""
    assert [levels.launcher(TRAIN, least).name for least in (3, 2, 0)] == ["bubblewrap"] * 3


def test_landlock_is_taken_where_namespaces_are_forbidden_and_the_level_allows_it(forbidden: list[str]) -> None:
    """Asked once per process, and the report says who made the jail and of which level it is."""
    if abi.kernel_abi() < abi.LEAST_ALONE:
        pytest.skip("this kernel's Landlock is older")
    reports: list[JailReport] = []
    for _ in range(2):
        assert Jail(TRAIN, least=2).run(Target(command=("true",)), started=reports.append).ok
    assert [(report.level, report.launcher) for report in reports] == [(2, f"landlock ABI {abi.kernel_abi()}")] * 2
    assert forbidden == ["long-lived: False"]


def test_level_three_is_bubblewraps_own_refusal(forbidden: list[str]) -> None:
    """Never a silent downgrade: LG901, and nothing starts."""
    with pytest.raises(Unfit) as refused:
        Jail(TRAIN).run(Target(command=("true",)))
    assert refused.value.finding == "LG901"
    assert len(forbidden) == 1


def test_another_failure_of_bubblewrap_is_no_reason_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """A jail that does not start for a reason of its own (LG907) is told, and not tried with less."""

    def broken(_self: BubblewrapLauncher, _settings: Any, *, long_lived: bool) -> Any:
        raise Unfit("LG907", f"the jail did not start: {long_lived}", next="lockgate doctor")

    monkeypatch.setattr(BubblewrapLauncher, "prepare", broken)
    with pytest.raises(Unfit) as refused:
        Jail(TRAIN, least=2).run(Target(command=("true",)))
    assert refused.value.finding == "LG907"


def test_a_wish_is_followed_and_its_level_is_still_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """`LOCKGATE_LAUNCHER=landlock` gives level 2: enough where 2 is asked for, refused where 3 is."""
    if abi.kernel_abi() < abi.LEAST_ALONE:
        pytest.skip("this kernel's Landlock is older")
    monkeypatch.setenv(levels.WISH, "landlock")
    assert Jail(TRAIN, least=2).run(Target(command=("true",))).report.level == 2
    with pytest.raises(Unfit) as refused:
        Jail(TRAIN).run(Target(command=("true",)))
    assert refused.value.finding == "LG906"


def test_a_wish_for_what_is_not_there_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong word does not fall back to anything."""
    monkeypatch.setenv(levels.WISH, "docker")
    with pytest.raises(Usage) as refused:
        Jail(TRAIN).run(Target(command=("true",)))
    assert refused.value.finding == "LG940"


@pytest.mark.parametrize(("name", "expected"), [("train", "gvisor"), ("judge", "gvisor"), ("edge", "bubblewrap")])
def test_a_runtime_that_hands_nothing_on_makes_the_jails_of_a_job_only(
    name: Any, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stays and is spoken to over a socket is bubblewrap's all the same."""
    monkeypatch.setenv(levels.WISH, "gvisor")
    assert levels.launcher(named(name, python=PythonEnv.own()), 3).name == expected


def test_whoever_asks_for_more_at_the_same_time_is_heeded() -> None:
    """Two policies in one process: the stricter holds for both, in whichever order they come and go."""
    assert levels.required() == 3
    loose, strict = levels.at_least(2), levels.at_least(3)
    with loose:
        assert levels.required() == 2
        with strict, levels.at_least(2):
            assert levels.required() == 3
        assert levels.required() == 2
    assert levels.required() == 3


@pytest.mark.parametrize("name", ["edge", "sealer", "controller", "worker"])
@pytest.mark.parametrize("launcher", ["bubblewrap", "landlock"])
def test_a_jail_that_answers_only_cannot_call(launcher: str, name: JailName) -> None:
    """Neither of the two launchers that make it lets an inherited socket be turned round, and both prove it."""
    if launcher == "landlock" and abi.kernel_abi() < abi.LEAST_ALONE:
        pytest.skip("this kernel's Landlock is older")
    settings = replace(named(name, python=PythonEnv.own()), network=False)
    report = Jail(settings, launcher=levels.by_name(launcher)).probe()
    assert set() == {probe.name for probe in report.open}
    assert {"call connect", "call bind"} <= {probe.name for probe in report.probes}
    training = Jail(TRAIN, launcher=levels.by_name(launcher)).probe()
    assert "call connect" not in {probe.name for probe in training.probes}


@pytest.mark.parametrize("launcher", levels.LAUNCHERS)
def test_every_launcher_looks_for_what_must_be_absent(launcher: str, on_disk: Path) -> None:
    """Level 3 and 2 alike: a file that is not shown holds; shown by mistake, it is found before the target starts."""
    secret = on_disk / "keys"
    secret.write_text("canary")
    chosen = levels.by_name(launcher)
    settings = named("train", python=PythonEnv.own(), absent=[("keys", secret)])
    try:
        report = Jail(settings, launcher=chosen).probe()
    except Unfit as error:
        pytest.skip(f"{launcher} is not here: {error.message}")
    probe = next(probe for probe in report.probes if "absent keys" in probe.name)
    assert (probe.holds, report.level) == (True, 2 if launcher == "landlock" else 3)
    shown = replace(settings, binds=(Bind(secret, str(secret)),))
    if launcher != "landlock":  # there a bind is shown below a folder of its own, and its own path stays closed
        assert {"absent keys"} == {probe.name for probe in Jail(shown, launcher=chosen).probe().open}


@pytest.mark.parametrize(
    ("words", "finding"),
    [
        ("bwrap: Creating new namespace failed: Operation not permitted", "LG901"),
        ("bwrap: Can't set hostname: Operation not permitted", "LG901"),
        ("bwrap: Can't find source path /x: No such file or directory", "LG907"),
        ("python: Can't set hostname", "LG907"),
    ],
)
def test_what_bubblewrap_says_tells_who_is_to_act(words: str, finding: str) -> None:
    """Only its own word that it cannot have namespaces lets a weaker launcher be asked, where a policy accepts one."""
    reading, writing = os.pipe()
    os.write(writing, words.encode())
    os.close(writing)
    try:
        ended = SimpleNamespace(wait=lambda: None)
        assert _not_started(cast("Keeper", SimpleNamespace(kill=lambda: None, ended=ended)), reading).finding == finding
    finally:
        os.close(reading)
