"""`lockgate drill [ID...]` as a person and a pipeline call it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.drills.replays import all as every
from lockgate.drills.replays import twin
from lockgate.drills.replays.program import Program
from lockgate.drills.replays.scene import Scene
from lockgate.drills.replays.spec import Drill, NotApplicable, Tried
from tests.support.shell import PHISHING, Done, Ready, Shell


def _acting(*seen: object, reached: bool = False) -> Callable[[Scene], Tried]:
    return lambda _: Tried("flipped a byte", "lockgate verify", seen, reached=reached)


def _elsewhere(_: Scene) -> Tried:
    raise NotApplicable("it has no number")


def _broken(_: Scene) -> Tried:
    raise LookupError("no entry")


TOLD = {"finding": "LG802"}
STOPPED = Drill("model-swapped", "swaps", "LT12", "verify-before-load", "LG802", _acting(TOLD), incident=17)
PART = Drill("old-version", "replays", "LT15", "floor", "LG802", _acting(TOLD), limit="an honest limit")
FAILED = Drill("edited-log", "edits", "LT18", "sealed-log", "LG706", _acting(TOLD, reached=True))
BROKEN = Drill("split-view", "splits", "LT02", "digest-at-capture", "LG706", _broken)
ABSENT = Drill("bad-source", "brings", "LT02", "source-allowlist", "LG123", _elsewhere)


def here(
    monkeypatch: pytest.MonkeyPatch, shell: Shell, root: Path, *words: str | Path, drills: tuple[Drill, ...]
) -> Done:
    """One call in a project, with these drills and no others; the twin is not made anew, for none of them asks it."""
    monkeypatch.setattr(every, "DRILLS", {one.id: one for one in drills})

    def made(_project: object, plan: twin.Plan, place: Path, program: Program, **_: object) -> Scene:
        for name in ("twin/.lockgate/env", "config", "state"):
            (place / name).mkdir(parents=True)
        return Scene(place, place / "twin", replace(program, home=place), plan.lenient, plan.strict)

    monkeypatch.setattr(twin, "make", made)
    return shell.here("drill", *words, at=root)


@pytest.fixture
def project(ready: Ready, tmp_path: Path) -> Ready:
    """A project whose log may grow."""
    return ready.copy(tmp_path)


def digests(*folders: Path) -> Mapping[str, str]:
    """Of every file below; that somebody held a lock is no change."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and "locks" not in path.parts
    }


def test_all_stopped_is_success_and_is_signed(project: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 0, also where one is stopped in part or does not apply; one object on stdout; what to run next on stderr."""
    done = here(monkeypatch, project.shell, project.root, "--json", drills=(STOPPED, PART, ABSENT))

    value = done.json
    assert (done.code, value["schema"], value["environment"]) == (0, "lockgate.drill/v1", "prod")
    assert [(one["id"], one["stopped"]) for one in value["drills"]] == [
        ("model-swapped", True),
        ("old-version", "part"),
    ]
    assert value["not_applicable"] == [{"id": "bad-source", "threat": "LT02", "reason": "it has no number"}]
    assert value["counts"] == {"stopped": 1, "part": 1, "not_stopped": 0, "not_applicable": 1}
    assert value["statement"]["index"] > 0
    assert done.err.rstrip().endswith("next:  lockgate threats")
    entry = project.shell.here("log", "show", "--json", at=project.root).json["entries"][-1]
    assert entry["claim"] == "drill"


def test_one_that_is_not_stopped_is_a_refusal_that_names_it(project: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1 with LG9002, and the results are signed all the same: what failed must not be forgotten."""
    done = here(monkeypatch, project.shell, project.root, "--json", drills=(STOPPED, FAILED))

    value = done.json
    assert (done.code, value["error"]["finding"], value["error"]["seen"]) == (1, "LG9002", {"drills": ["edited-log"]})
    assert value["error"]["next"] == "lockgate drill edited-log"
    assert (value["drills"][1]["stopped"], value["drills"][1]["finding"]) == (False, None)
    assert value["statement"] is not None


def test_one_that_cannot_be_played_is_not_stopped(project: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was shown of the control: exit 1, with the reason."""
    done = here(monkeypatch, project.shell, project.root, "split-view", drills=(STOPPED, BROKEN))

    assert done.code == 1
    assert "not played to its end: LookupError('no entry')" in done.err
    assert done.out == "split-view not-stopped\n"


def test_what_failed_is_signed_when_somebody_leaves(project: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after a red line: the failure is in the log, so that an older success does not stand for it."""

    def leave(_: Scene) -> Tried:
        raise KeyboardInterrupt

    left = replace(STOPPED, act=leave)
    monkeypatch.setattr("lockgate.cli.drill_replay._cores", lambda: 1)

    done = here(monkeypatch, project.shell, project.root, drills=(FAILED, left))

    assert done.code == 130
    entry = project.shell.here("log", "show", "--json", at=project.root).json["entries"][-1]
    assert entry["claim"] == "drill"


def test_nothing_that_failed_and_nothing_signed_is_said_when_somebody_leaves(
    project: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C looks like no success: it says that nothing was signed, and how to go on."""

    def leave(_: Scene) -> Tried:
        raise KeyboardInterrupt

    done = here(monkeypatch, project.shell, project.root, "model-swapped", drills=(replace(STOPPED, act=leave),))

    assert (done.code, done.out) == (130, "")
    assert "interrupted: nothing was signed" in done.err
    assert done.err.rstrip().endswith("next:  lockgate drill model-swapped")


def test_results_are_of_the_policy_that_was_drilled(project: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it changes meanwhile nothing is signed: it would speak of rules that nobody drilled."""

    def change(_: Scene) -> Tried:
        text = (project.root / "policy.toml").read_text().replace("version = 1", "version = 2")
        (project.root / "policy.toml").write_text(text)
        assert project.shell("policy", "sign", at=project.root).code == 0
        return Tried("did", "attempt", (TOLD,))

    done = here(monkeypatch, project.shell, project.root, "--json", drills=(replace(STOPPED, act=change),))

    assert (done.code, done.json["drills"][0]["stopped"], done.json["statement"]) == (0, True, None)
    assert done.json["unsigned"] == "the policy changed while the drills were played; play them again"
    assert done.json["unsigned"] in done.err
    assert done.err.rstrip().endswith("next:  lockgate drill")


def test_results_may_be_sealed_elsewhere(project: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --to-file the log of this machine stays as it is, and so does everything else of the project."""
    file = project.shell.home / "drill.out"
    before = digests(project.root, project.shell.home / "config")

    done = here(monkeypatch, project.shell, project.root, "--to-file", file, "--json", drills=(STOPPED,))

    assert (done.code, done.json["statement"]["file"]) == (0, str(file))
    assert file.is_file()
    assert digests(project.root, project.shell.home / "config") == before


@pytest.mark.parametrize(
    ("option", "name", "finding"),
    [
        ("--to-file", "there", "LG867"),
        ("--to-file", "nowhere/drill.out", "LG867"),
        ("--sarif", "nowhere/drill.sarif", "LG9013"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_before_anything_is_played(
    option: str, name: str, finding: str, project: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is there already, and one in no folder: minutes later the results would be lost."""
    (project.shell.home / "there").write_text("signed by others")

    done = here(monkeypatch, project.shell, project.root, option, project.shell.home / name, drills=(STOPPED,))

    assert (done.code, done.out) == (2, "")
    assert finding in done.err


def test_failures_go_where_code_hosts_read_them(project: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    """SARIF: an alert for each attack that was not stopped, none for the others; where it is in its repository."""
    file = project.shell.home / "drill.sarif"
    (project.root.parent / ".git").mkdir()

    done = here(monkeypatch, project.shell, project.root, "--sarif", file, drills=(STOPPED, FAILED, BROKEN, ABSENT))

    (run,) = json.loads(file.read_text())["runs"]
    assert done.code == run["invocations"][0]["exitCode"] == 1
    assert run["automationDetails"] == {"id": "lockgate-drill/prod/"}
    assert [(one["ruleId"], one["message"]["text"]) for one in run["results"]] == [
        ("edited-log", "LT18 edited-log: an attacker edits: LG706 was not told; told instead: LG802"),
        ("split-view", "LT02 split-view: an attacker splits: not played to its end: LookupError('no entry')"),
    ]
    places = {str(one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]) for one in run["results"]}
    assert places == {f"{project.root.name}/policy.toml"}
    assert [one["message"]["text"] for one in run["invocations"][0]["toolExecutionNotifications"]] == [
        "bad-source does not apply: it has no number"
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--threat", "lt12"), ["model-swapped"]),
        (("--incident", "17"), ["model-swapped"]),
        (("old-version", "model-swapped"), ["model-swapped", "old-version"]),
        ((), ["model-swapped", "old-version"]),
    ],
)
def test_drills_are_chosen_and_keep_their_order(
    words: tuple[str, ...], expected: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By name, threat or incident. The list needs no project."""
    done = here(monkeypatch, Shell(tmp_path), tmp_path, *words, "--list", "--json", drills=(STOPPED, PART))

    assert (done.code, [one["id"] for one in done.json["drills"]]) == (0, expected)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("model-swaped",), "did you mean model-swapped?"),
        (("--threat", "LT77"), "lockgate threats LT77"),
        (("lt12",), "lockgate drill --threat LT12"),
        (("--incident", "99"), "99"),
    ],
)
def test_one_that_is_not_there_is_a_usage_error(
    words: tuple[str, ...], hint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is played: a mistyped name must not look like a success."""
    done = here(monkeypatch, Shell(tmp_path), tmp_path, *words, drills=(STOPPED,))

    assert done.code == 2
    assert "LG9005" in done.err
    assert hint in done.err


def test_a_project_that_nobody_founded_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder from anywhere is not run because somebody drills it."""
    for name in ("lockgate.toml", "policy.toml", "data"):
        (tmp_path / name).symlink_to(PHISHING / name)

    done = here(monkeypatch, Shell(tmp_path), tmp_path, drills=(STOPPED,))

    assert done.code == 1
    assert "LG946" in done.err


@pytest.mark.parametrize("words", [("--nonsense",), ("model-swapped", "--rows", "many")])
def test_a_wrong_call_is_told_which_help_mends_it(words: tuple[str, ...], tmp_path: Path) -> None:
    """`lockgate drill` is how it is called, whatever plays the attacks behind it."""
    done = Shell(tmp_path).here("drill", *words)

    assert (done.code, done.err.rstrip().endswith("next:  lockgate drill --help")) == (2, True)


@pytest.mark.parametrize("name", ["extraction", "evasion"])
def test_what_measures_is_called_as_before(name: str, tmp_path: Path) -> None:
    """Two commands of the same group are no ids of attacks."""
    assert f"Usage: lockgate drill {name}" in Shell(tmp_path).here("drill", name, "--help").out


@pytest.mark.nightly
def test_a_real_twin_leaves_nothing_behind_and_changes_nothing(
    ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way, by the command line: the project, its keys and its pins are the same to the byte."""
    project, place = ready.copy(_made(tmp_path / "project")), _made(tmp_path / "temporary")
    homes = (project.root, project.shell.home / "config")
    before = digests(*homes)
    monkeypatch.setenv("TMPDIR", str(place))
    words = ("edited-log", "dependency-confusion", "--to-file", tmp_path / "out", "--json")

    done = project.shell("drill", *words, at=project.root)

    assert (done.code, done.json["counts"]["not_stopped"]) == (0, 0)
    assert digests(*homes) == before
    assert list(place.iterdir()) == []


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
