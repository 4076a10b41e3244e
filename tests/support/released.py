"""A small repository that `scripts.release` makes releases of, and releases that were broken afterwards.

Its package has one module; everything else of the way is real: git, hatchling (five builds), the signatures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockgate.trust import signer as keys
from lockgate.trust.oms_directory import sign_directory
from scripts import release as program
from scripts import verify_release as verifier

ROOT = Path(__file__).resolve().parents[2]
VERSION = "1.2.3"
LOCK = """click==8.3.1 \\
    --hash=sha256:{0}
    # via -r runtime.in
six==1.17.0 ; python_version < '4' \\
    --hash=sha256:{0} \\
    --hash=sha256:{1}
    # via
    #   -r runtime.in
    #   click
"""
FILES = {
    "CHANGELOG.md": f"# Changelog\n\n## [{VERSION}] - 2026-11-27\n\n- It works.\n\n## [1.0.0]\n\n- Old.\n",
    "LICENSE": "Apache-2.0\n",
    "README.md": "# It\n",
    "src/lockgate/__init__.py": "A = 1\n",
    "src/lockgate/py.typed": "",
    "examples/flights/train.py": "B = 2\n",
    "examples/phishing/train.py": "C = 3\n",
    "tests/test_a.py": "D = 4\n",
    "requirements/runtime.txt": LOCK.format("ab" * 32, "cd" * 32),
    "kit/helm/lockgate/Chart.yaml": f"apiVersion: v2\nname: lockgate\nversion: {VERSION}\n",
}
COPIED = ("pyproject.toml", "requirements/dev.txt", "verifier/lockgate_verify.py", "scripts/verify_release.py")


@dataclass(frozen=True)
class Repository:
    """A repository and the release key that it pins."""

    root: Path
    key: Path

    @property
    def public(self) -> Path:
        """The key's public half, as the repository pins it."""
        return self.root / "kit" / "release" / "release.pub"

    @property
    def commit(self) -> str:
        """The commit that is checked out."""
        return git(self.root, "rev-parse", "HEAD").strip()

    def commits(self, files: Mapping[str, str], message: str = "more") -> None:
        """Write files and commit everything."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", message)


def git(root: Path, *arguments: str) -> str:
    """What git says, as somebody with no settings of their own."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_AUTHOR_DATE": "1795761831 +0000"}
    person = [f"GIT_{who}_{what}=mara@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    env = {**os.environ, **settings, **dict(each.split("=", 1) for each in person)}
    return subprocess.run(
        ["git", "-C", str(root), *arguments], env=env, check=True, capture_output=True, text=True
    ).stdout


def repository(folder: Path) -> Repository:
    """The small repository, committed, with a key outside of it."""
    root, key = folder / "repository", folder / "release.pem"
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    signer = keys.generate("release")
    keys.save(signer, key)
    texts = {name: (ROOT / name).read_text("utf-8") for name in COPIED}
    texts["pyproject.toml"] = texts["pyproject.toml"].replace('version = "0.1.0"', f'version = "{VERSION}"', 1)
    made = Repository(root, key)
    made.commits({**FILES, **texts, "kit/release/release.pub": signer.public.pem}, "first")
    return made


def release(made: Repository, out: Path, key: Path | None = None) -> Path:
    """The folder of a release of it, or of a rehearsal when there is no key."""
    return program.release(made.root, out, "" if key is None else str(key), "")


def signed_again(folder: Path, key: Path) -> None:
    """What somebody who has the key makes of a folder: everything as it should be but what was changed before."""
    sign_directory(folder, key)


def copied(folder: Path, to: Path) -> Path:
    """A folder to break."""
    shutil.copytree(folder, to)
    return to


def step_of(call: Callable[[], object]) -> tuple[str, int]:
    """Which step of the verifier says no, and with which exit code; ("", 0) when none does."""
    try:
        call()
    except verifier.Fault as fault:
        return fault.step, fault.code
    return "", 0
