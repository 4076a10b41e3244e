"""The shell completes verbs, options, models and finding ids: quickly, and believing nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lockgate.cli.completion import SHELLS
from lockgate.cli.main import VERBS, run


def completed(*words: str, at: Path | None = None) -> list[str]:
    """What follows the last of `words`, by the very call that the script of bash makes."""
    said = subprocess.run(
        [sys.executable, "-m", "lockgate"],
        env={
            **os.environ,
            "_LOCKGATE_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("lockgate", *words)),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=at,
    )
    assert said.stderr == ""
    return [line.partition(",")[2] for line in said.stdout.splitlines()]


def registry(root: Path, index: object) -> Path:
    """A folder that looks like a project with this index."""
    (root / ".lockgate" / "registry").mkdir(parents=True)
    (root / "lockgate.toml").write_text("")
    (root / ".lockgate" / "registry" / "index.json").write_text(index if isinstance(index, str) else json.dumps(index))
    return root


def tagged(*tags: object) -> dict[str, object]:
    """An index with these tags."""
    return {"manifests": [{"annotations": {"org.opencontainers.image.ref.name": tag}} for tag in tags]}


def test_verbs_options_choices_and_findings_are_completed() -> None:
    """The words of the command line itself."""
    assert completed("ro") == ["rollback"]
    assert completed("export", "sc") == ["schema"]
    assert completed("models", "--pro") == ["--project"]
    assert completed("completion", "") == list(SHELLS)
    assert completed("explain", "LG51")[:3] == ["LG510", "LG511", "LG512"]
    assert completed("explain", "cont") == ["contract"]


def test_models_are_completed_newest_first(tmp_path: Path) -> None:
    """`latest`, then those of the project in this folder or above."""
    project = registry(tmp_path, tagged("late-v1", "late-v2", "minutes-v1"))
    (project / "data").mkdir()
    assert completed("show", "", at=project / "data") == ["latest", "minutes@1", "late@2", "late@1"]
    assert completed("verify", "late", at=project) == ["latest", "late@2", "late@1"]
    assert completed("verify", "m", at=project) == ["minutes@1"]


@pytest.mark.parametrize(
    "index",
    [
        "{",
        [],
        {"manifests": 3},
        {"manifests": [3]},
        tagged(None, 3, "", "v1", "-v1"),
        tagged("a b-v1", "$(reboot)-v1", "a;b-v2", "a\n-v1", "x-v1\n", "`x`-v1", "x-vy"),
    ],
)
def test_an_index_that_is_none_completes_nothing(tmp_path: Path, index: object) -> None:
    """It is asked while one types: no error, and no word that a shell would read otherwise."""
    assert completed("show", "", at=registry(tmp_path, index)) == ["latest"]


def test_the_first_press_loads_no_verb() -> None:
    """All verbs are offered, and not one of them is imported."""
    program = (
        "import sys, click\nfrom lockgate.cli.main import cli\n"
        "context = click.Context(cli, info_name='lockgate')\n"
        "print([one.value for one in cli.shell_complete(context, '')])\n"
        "print(sorted(name for name in sys.modules if name.startswith('lockgate.cli.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    offered, loaded = done.stdout.splitlines()
    assert offered == str(list(VERBS))
    assert loaded == "['lockgate.cli.main', 'lockgate.cli.render']"
    assert completed("--he") == ["--help"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_real_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The script that is printed registers itself, and its function fills COMPREPLY."""
    assert run(["completion", "bash"]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    (tmp_path / "lockgate").write_text(f'#!/bin/sh\nexec {sys.executable} -m lockgate "$@"\n')
    (tmp_path / "lockgate").chmod(0o755)
    words = (
        "source ./script; complete -p lockgate; COMP_WORDS=(lockgate roll); COMP_CWORD=1; "
        '_lockgate_completion lockgate roll lockgate; echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", words],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.stdout.splitlines() == ["complete -o nosort -F _lockgate_completion lockgate", "rollback"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell_says_where_it_goes(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The script alone on stdout; the talk names the file. With --json both are in one object."""
    assert run(["completion", shell]) == 0
    said = capsys.readouterr()
    assert f"_LOCKGATE_COMPLETE={shell}_complete" in said.out
    assert f"lockgate completion {shell} > {SHELLS[shell][0]}" in said.err
    assert run(["completion", shell, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["shell"], told["script"].strip()) == (
        "lockgate.completion/v1",
        shell,
        said.out.strip(),
    )
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n", "/dev/stdin"], input=said.out, text=True, check=True, timeout=60)
