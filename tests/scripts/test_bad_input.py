"""What a person gets wrong, by the real command line: a finding, the right exit code, the next command."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shell import Ready, Shell, without_environment

TRAIN = """
def train(data, params):
    {body}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[project]\nname = 'x'\n[data]\nsources=['a.csv']\ncontract='c.py:M'\nlabl='y'\n", "did you mean data.label?"),
        ("[project]\nname = 3\n", "lockgate.toml:2"),
        ("[train]\nmemory = '2 GB!'\n", "a size with its unit"),
        ("not toml", "not TOML"),
        ("", "is missing"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(shell: Shell, text: str, said: str) -> None:
    """Unknown keys, wrong types, wrong units: exit 2, file, line and the nearest valid key."""
    (shell.home / "lockgate.toml").write_text(text)
    done = shell.here("run", "--json")
    assert (done.code, done.json["finding"]) == (2, "LG942") or done.json["finding"] == "LG946", done.out
    created = shell.here("init", shell.home, "--json")
    assert (created.code, created.json["finding"]) == (2, "LG942")
    assert said in created.err


@pytest.mark.parametrize(
    ("arguments", "code", "finding"),
    [
        (("frobnicate",), 2, "LG940"),
        (("run",), 2, "LG945"),
        (("verify",), 2, "LG940"),
        (("explain", "LG1"), 2, "LG941"),
        (("demo", "--attack", "nothing"), 2, "LG950"),
        (("validate", "x.csv"), 2, "LG940"),
    ],
)
def test_a_wrong_call_is_exit_2(shell: Shell, arguments: tuple[str, ...], code: int, finding: str) -> None:
    """Usage errors name themselves and the help that mends them."""
    done = shell.here(*arguments, "--json")
    assert (done.code, done.json["finding"]) == (code, finding), done.out + done.err
    assert "next:" in done.err


GOES_WRONG = {
    "raise KeyError('no such column')": ("", "LG310"),
    "return 'a model'": ("", "LG311"),
    "__import__('time').sleep(999)": ('\ntime = "6 s"', "LG318"),
    "return bytearray(3 << 30)": ('\nmemory = "512 MiB"', "LG317"),
}
"""What training does, the limit that stops it, the finding."""


@pytest.mark.parametrize("bodies", [list(GOES_WRONG)[2:3], pytest.param(list(GOES_WRONG), marks=pytest.mark.nightly)])
def test_training_that_goes_wrong_is_a_finding(ready: Ready, tmp_path: Path, bodies: list[str]) -> None:
    """It raises, returns nonsense, never ends, eats all memory: refused, nothing registered, the next run goes on."""
    copy = ready.copy(tmp_path)
    script = copy.root / "train.py"
    honest = script.read_text()
    settings = copy.root / "lockgate.toml"
    written = settings.read_text()
    for body, (limit, finding) in [(one, GOES_WRONG[one]) for one in bodies]:
        settings.write_text(written.replace("[train]", f"[train]{limit}"))
        script.write_text(TRAIN.format(body=body))
        done = copy.shell("run", "--json", "-C", copy.root)
        assert (done.code, done.json["finding"]) == (1, finding), done.out
        assert done.json["next"]
        assert len(copy.shell.here("models", "--json", "-C", copy.root).json["models"]) == 1
    script.write_text(honest)
    settings.write_text(written)
    assert copy.shell("run", "-C", copy.root).code == 0
    assert copy.shell.here("verify", "--all", "-C", copy.root).code == 0


def test_the_data_is_no_code(ready: Ready, tmp_path: Path) -> None:
    """A code glob that catches the data would let training see the held-out rows: LG305, nothing is trained."""
    copy = ready.copy(tmp_path)
    settings = copy.root / "lockgate.toml"
    settings.write_text(settings.read_text().replace("[train]", '[train]\ncode = ["*.py", "data/*"]'))
    done = copy.shell("run", "--json", "-C", copy.root)
    assert (done.code, done.json["finding"]) == (1, "LG305"), done.err


@pytest.fixture
def small_disk(ready: Ready, tmp_path: Path) -> Iterator[Ready]:
    """A copy of the project on a disk that is nearly full."""
    if os.geteuid() != 0:
        pytest.skip("a small file system can be mounted by root only")
    copy = ready.copy(tmp_path)
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=False).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        root = disk / "phishing"
        shutil.copytree(copy.root, root, symlinks=True, ignore=without_environment)
        (root / ".lockgate" / "env").mkdir()
        subprocess.run(["mount", "--bind", copy.root / ".lockgate/env", root / ".lockgate/env"], check=True)
        yield Ready(copy.shell, root, copy.ref)
    finally:
        subprocess.run(["umount", "-l", disk / "phishing/.lockgate/env"], check=False)
        subprocess.run(["umount", "-l", disk], check=False)


def test_a_full_disk_loses_nothing(small_disk: Ready) -> None:
    """No space: exit 4 and the disk is named; with space again the next run goes on, and everything verifies."""
    filler = small_disk.root / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    done = small_disk.shell("run", "--fresh", "--json", "-C", small_disk.root)
    assert done.code == 4, done.out + done.err
    assert done.json["next"]
    filler.unlink()
    again = small_disk.shell("run", "--fresh", "--json", "-C", small_disk.root)
    assert again.code == 0, again.err
    assert small_disk.shell.here("verify", "--all", "-C", small_disk.root).code == 0
