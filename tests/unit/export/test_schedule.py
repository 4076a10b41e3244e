"""export systemd --every, and github-actions: judged by systemd's own tools and by a YAML reader."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from lockgate.cli.main import run
from lockgate.errors import LockgateError, Usage
from lockgate.export.schedule import WORDS, calendar, cron
from lockgate.export.systemd import UnitSpec, scheduled, timer
from lockgate.export.workflow import WorkflowSpec, workflow
from lockgate.project.unit import asked_schedule, check_lock
from lockgate.trust import pin as pins

SPEC = UnitSpec(
    name="flights-prod-run",
    project="/srv/flights",
    program=("/bin/true", "-m", "lockgate"),
    arguments=("run", "--deploy", "--env", "prod", "--json", "--project", "/srv/flights"),
    user="root",  # systemd-analyze looks it up: the one name that every machine has
    writable=("/srv/flights/.lockgate", "-/var/lib/lockgate"),
)
FLOW = WorkflowSpec("flights", "prod", "7 3 * * *")
TIMES = ("Mon..Fri 03:30", "*-*-01 04:00", "*:05", "Mon,Thu 00/6:15", "*-*-01,15 06:00:00", "03,15:20")
needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def analyze(*arguments: str) -> tuple[int, str]:
    """Exit status and words of systemd-analyze."""
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@needs_analyze
def test_systemd_reads_both_without_a_word(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say of service and timer; of a timer with a wrong time it has."""
    for when, words in (("*-*-* 03:07", ""), ("*-*-* 33:07", "33:07")):
        files = {SPEC.file: scheduled(SPEC), SPEC.timer_file: timer(SPEC, when)}
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        code, said = analyze("verify", "--man=no", *(str(tmp_path / name) for name in files))
        assert (words in said, bool(said)) == (True, bool(words)), (code, said)


@needs_analyze
def test_the_run_is_as_closed_as_the_server(tmp_path: Path) -> None:
    """Below 4 of 10 ("OK"), as root's."""
    (tmp_path / SPEC.file).write_text(scheduled(SPEC))
    said = analyze("security", "--offline=true", "--no-pager", str(tmp_path / SPEC.file))[1]
    found = re.search(r"exposure level for \S+: (\d+\.\d+)", said)
    assert found is not None
    assert float(found[1]) < 4


@needs_analyze
def test_systemd_knows_every_time_that_is_let_through() -> None:
    """The words, each at a time of the project's own, and what a person may write."""
    times = [*(calendar(word, "flights") for word in WORDS), *(calendar(time, "flights") for time in TIMES)]
    assert analyze("calendar", *times)[0] == 0
    assert len({calendar("daily", f"project {number}") for number in range(30)}) > 15


@pytest.mark.parametrize(
    "text",
    ["", "yearly", "*:*", "*:99", "24:00", "*-*-31 04:00", "Mon", "@daily", "*-*-* 03:07\nOnBootSec=1", "00/0:10",
     "Funday 03:00", "minutely", "*-13-01 04:00", "3:30"],
)  # fmt: skip
def test_a_time_that_is_not_clearly_one_is_refused(text: str) -> None:
    """Each minute, never, two lines, a day that some months have not: none of it gets into a timer."""
    with pytest.raises(Usage) as caught:
        calendar(text, "flights")
    assert (caught.value.finding, caught.value.next) == ("LG556", caught.value.next)
    assert caught.value.next.startswith("--every ")


@pytest.mark.parametrize(
    ("text", "fields"),
    [("30 3 * * 1-5", "30 3 * * 1-5"), ("5 */6 1,15 * *", "5 */6 1,15 * *"), ("0 0 1 1-6 0", "0 0 1 1-6 0")],
)
def test_cron_is_let_through_as_it_is(text: str, fields: str) -> None:
    """Five fields, of which the first is one minute."""
    assert cron(text, "flights") == fields


@pytest.mark.parametrize(
    "text",
    ["* * * * *", "*/5 * * * *", "61 * * * *", "5 24 * * *", "5 3 0 * *", "5 3 * 13 *", "5 3 * * 7", "5 3 * *",
     "5 3 * * 1 1", "5 3 5-2 * *", "5 3 * * MON", "5\t3 * * *", "\u0665 3 * * *", "5 */0 * * *", ""],
)  # fmt: skip
def test_cron_that_is_not_clearly_one_is_refused(text: str) -> None:
    """Every minute, out of range, backwards, other digits."""
    with pytest.raises(Usage) as caught:
        cron(text, "flights")
    assert caught.value.finding == "LG556"


def test_words_have_a_minute_of_the_project_s_own() -> None:
    """Never the full, half or quarter hour, when everybody's jobs start."""
    minutes = {int(cron("hourly", f"project {number}").split(" ")[0]) for number in range(200)}
    assert not minutes & {0, 15, 30, 45}
    assert len(minutes) > 20


def test_the_workflow_is_what_a_yaml_reader_sees() -> None:
    """One trigger beside a person's, rights to read and no other, one at a time, an action by its commit."""
    found = yaml.safe_load(workflow(FLOW))
    assert found["on"] == {"schedule": [{"cron": "7 3 * * *"}], "workflow_dispatch": {}}
    assert found["permissions"] == found["jobs"]["lockgate"]["permissions"] == {"contents": "read"}
    assert found["concurrency"] == {"group": "lockgate-flights", "cancel-in-progress": False}
    steps = found["jobs"]["lockgate"]["steps"]
    assert [step["uses"] for step in steps if "uses" in step] == [steps[0]["uses"]]
    assert re.fullmatch(r"actions/checkout@[0-9a-f]{40}", steps[0]["uses"])
    assert steps[0]["with"] == {"clean": False, "persist-credentials": False}
    assert "lockgate run --deploy --env prod --json" in steps[3]["run"]
    assert "--require-hashes" in steps[1]["run"]


def test_the_secret_is_in_one_step_s_environment_only() -> None:
    """Never in a command line, which every process of the machine may read; and no expression stands in a script."""
    steps = yaml.safe_load(workflow(FLOW))["jobs"]["lockgate"]["steps"]
    assert [step["name"] for step in steps if "secrets." in str(step)] == ["passphrase"]
    assert steps[2]["env"] == {"LOCKGATE_PASSPHRASE": "${{ secrets.LOCKGATE_PASSPHRASE }}"}
    assert not [step for step in steps if "${{" in step.get("run", "")]
    assert "http" not in workflow(FLOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "a b"}, {"name": "${{ secrets.X }}"}, {"name": ""}, {"environment": "prod; curl x"},
        {"environment": "$(id)"}, {"environment": "-x"}, {"environment": "prod\n"}, {"folder": "../up"},
        {"folder": "/etc"}, {"folder": "a b"}, {"lock": "x; id"}, {"lock": "-r"}, {"cron": '7 3 * * *"\n'},
        {"cron": "${{ github.sha }}"},
    ],
)  # fmt: skip
def test_what_a_workflow_cannot_say_safely_is_refused(changes: dict[str, Any]) -> None:
    """An expression, a second command, an option, another folder."""
    with pytest.raises(Usage) as caught:
        workflow(replace(FLOW, **changes))
    assert caught.value.finding == "LG557"


@pytest.mark.parametrize("changes", [{"name": "a b"}, {"user": "ada\nUser=root"}, {"arguments": ("run", "$HOME")}])
def test_the_timed_service_says_nothing_unsafe_either(changes: dict[str, Any]) -> None:
    """As the service that answers."""
    for make in (scheduled, lambda spec: timer(spec, "*:05") + scheduled(spec)):
        with pytest.raises(Usage) as caught:
            make(replace(SPEC, **changes))
        assert caught.value.finding == "LG681"


def test_a_time_reaches_a_timer_only_as_a_time() -> None:
    """Whoever calls it."""
    with pytest.raises(Usage):
        timer(SPEC, "*:05\nOnBootSec=1")


def test_a_scheduled_run_reaches_the_keys_that_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can sign what the stages and a deployment need, approve nothing, and change neither policy nor roles."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="ada", pw_dir="/home/ada"))
    monkeypatch.setattr("lockgate.project.unit._most_memory", lambda _: 2 << 30)
    keys = pins.key_folder("ab" * 32)
    keys.mkdir(parents=True)
    for name in ("sealer", "guard", "trainer", "deployer", "approver", "policy", "revoker"):
        (keys / f"{name}.key").write_text("x")
    root = tmp_path / "flights"
    project: Any = SimpleNamespace(
        root=root, home=root / ".lockgate", config=SimpleNamespace(name="flights"), trusted_root=lambda: "ab" * 32
    )
    spec = asked_schedule(project, environment="prod")
    hidden = {Path(path).name for path in spec.hidden}
    assert hidden == {"guard.key", "approver.key", "policy.key", "revoker.key", f"{'ab' * 32}.key", ".ssh", ".gnupg"}
    assert (spec.file, spec.timer_file) == ("lockgate-flights-prod-run.service", "lockgate-flights-prod-run.timer")
    assert " ".join(spec.arguments) == f"run --deploy --env prod --json --project {root}"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Usage) as caught:
        asked_schedule(project, environment="prod")
    assert caught.value.finding == "LG680"


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("lockgate==1.0 \\\n    --hash=sha256:aa\nclick==8.1 \\\n    --hash=sha256:bb\n", True),
        ("lockgate[pkcs11]==1.0 \\\n    --hash=sha256:aa\n", True),
        ("lockgate==1.0\nclick==8.1 \\\n    --hash=sha256:bb\n", False),
        ("click==8.1 \\\n    --hash=sha256:bb\n", False),
        ("lockgate>=1.0\n", False),
    ],
)
def test_lockgate_is_installed_from_hashes(tmp_path: Path, text: str, fine: bool) -> None:
    """A lock that pins it and all it needs; without one, the command that makes it is said."""
    path = tmp_path / "lockgate.lock"
    with pytest.raises(Usage, match=r"there is no lockgate\.lock"):
        check_lock(path)
    path.write_text(text)
    if fine:
        check_lock(path)
        return
    with pytest.raises(Usage) as caught:
        check_lock(path)
    assert "--generate-hashes" in caught.value.next


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of whom it does not matter what it is, and whose policy knows prod."""
    (tmp_path / "lockgate.toml").write_text(
        '[project]\nname = "flights"\n[data]\nsources = ["a.csv"]\ncontract = "c.py:F"\nlabel = "late"\n'
    )
    (tmp_path / "lockgate.lock").write_text("lockgate==1.0 \\\n    --hash=sha256:aa\n")

    def environment(name: str) -> None:
        if name != "prod":
            raise Usage("LG843", f"the policy has no environment {name}")

    monkeypatch.setattr("lockgate.project.Project.ledger", lambda *_: None)
    monkeypatch.setattr("lockgate.project.Project.policy", lambda *_: SimpleNamespace(environment=environment))
    monkeypatch.setattr("lockgate.project.unit.asked_schedule", lambda *_, **__: SPEC)
    return tmp_path


def test_the_schedule_is_written_into_a_new_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two files, never over others; on stdout both, one after the other."""
    command = ["export", "systemd", "-C", str(folder), "--env", "prod", "--every", "Mon 03:30"]
    assert run(command) == 0
    assert capsys.readouterr().out == scheduled(SPEC) + timer(SPEC, "Mon 03:30")
    out = folder / "units"
    assert run([*command, "--out", str(out)]) == 0
    assert {path.name: path.read_text() for path in out.iterdir()} == {
        SPEC.file: scheduled(SPEC), SPEC.timer_file: timer(SPEC, "Mon 03:30")
    }  # fmt: skip
    assert run([*command, "--out", str(out)]) == 1
    assert "LG952" in capsys.readouterr().err


def test_the_workflow_is_written_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout or into a new file; JSON has where it belongs; an environment that the policy has not is refused."""
    command = ["export", "github-actions", "-C", str(folder), "--env", "prod", "--every", "7 3 * * *"]
    assert run(command) == 0
    assert capsys.readouterr().out == workflow(FLOW)
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["file"], found["cron"]) == (".github/workflows/lockgate-prod.yml", "7 3 * * *")
    out = str(folder / "flow.yml")
    assert (run([*command, "--out", out]), run([*command, "--out", out])) == (0, 1)
    assert run(["export", "github-actions", "-C", str(folder), "--env", "prd"]) == 2


def test_every_refusal_is_one_of_ours() -> None:
    """Nothing but findings for the strangest schedule."""
    for text in ("\x00", "a" * 10_000, "Mon..Sun..Mon 03:00", "¼:30", "*" * 200):
        for read in (calendar, cron):
            with pytest.raises(LockgateError):
                read(text, "flights")
