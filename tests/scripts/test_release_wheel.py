"""The real commit's wheel: it holds what it must and nothing else, and runs where it was unpacked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from scripts import verify_release as verifier
from scripts.release import release
from scripts.release_build import differs, run_hatchling
from scripts.release_source import read
from tests.support.released import step_of

ROOT = Path(__file__).resolve().parents[2]
MUST = (
    "_examples/flights/train.py",
    "_examples/flights/data/flights-2013-01.parquet",
    "_examples/phishing/data/phishing.csv",
    "_examples/phishing/LICENSE.data",
    "_verifier/lockgate_verify.py",
    "cli/main.py",
    "project/carry/predict.py.txt",
    "py.typed",
    "threats/catalogue/threats_data.toml",
    "trust/default_policy.toml",
)

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="a release is made from a git repository"
)


def told(command: list[str], path: Path, home: Path) -> str:
    """What a command says that finds `path` before everything else."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LOCKGATE_", "XDG_"))}
    env |= {"PYTHONPATH": str(path), "HOME": str(home)}
    return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=True).stdout


def test_the_wheel_of_the_commit(tmp_path: Path) -> None:
    """File by file the commit's, with examples, catalogue and verifier; no test, no cache; and it starts."""
    source = read(ROOT)
    source.unpack(tmp_path / "tree", umask=0o077, touch=True)
    wheel = run_hatchling("wheel", tmp_path / "tree", source.epoch, tmp_path / "out")
    assert differs(wheel, tmp_path / "tree", source.version) == []
    with zipfile.ZipFile(BytesIO(wheel)) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert {f"lockgate/{name}" for name in MUST} - set(names) == set()
    assert [name for name in names if "__pycache__" in name or "/tests/" in name or name.endswith(".pyc")] == []
    assert {name.split("/")[0] for name in names} == {"lockgate", f"lockgate-{source.version}.dist-info"}
    python = [sys.executable, "-m", "lockgate"]
    assert told([*python, "--version"], tmp_path / "site", tmp_path) == f"lockgate, version {source.version}\n"
    assert "Usage: lockgate demo" in told([*python, "demo", "--help"], tmp_path / "site", tmp_path)
    where = [sys.executable, "-c", "import lockgate; print(lockgate.__file__)"]
    assert told(where, tmp_path / "site", tmp_path).startswith(str(tmp_path / "site"))


@pytest.mark.nightly
def test_a_rehearsal_of_the_commit_is_built_again_and_installed(tmp_path: Path) -> None:
    """Everything but the last step holds of it: built again from sdist and commit. Its wheel runs in a fresh venv."""
    made = release(ROOT, tmp_path / "dist", "", "")
    source = read(ROOT)
    key = verifier.read_key((tmp_path / "dist" / f"{made.name}.pub").read_bytes())
    wanted = verifier.Wanted(key, source.version, source.commit)
    assert step_of(lambda: verifier.verify(made, wanted, rebuild=True, checkout=ROOT)) == ("rehearsal", 1)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    wheel = made / f"lockgate-{source.version}-py3-none-any.whl"
    subprocess.run([python, "-I", "-m", "pip", "-q", "install", "--no-index", "--no-deps", wheel], check=True)
    # What it needs is what this environment has: a path in a .pth brings its packages, not its editable Lockgate.
    (site,) = (tmp_path / "venv").glob("lib/*/site-packages")
    (site / "more.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    lockgate = str(tmp_path / "venv" / "bin" / "lockgate")
    for words in (["--version"], ["demo", "--help"], ["explain", "LG203"], ["scan", "--help"]):
        assert told([lockgate, *words], tmp_path / "nothing", tmp_path)
    where = [str(python), "-c", "import lockgate; print(lockgate.__file__)"]
    assert told(where, tmp_path / "nothing", tmp_path).startswith(str(site))
