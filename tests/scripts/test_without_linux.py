"""On a Mac: what needs no jail works, and what needs one says so and ends with 4."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support import without_linux
from tests.support.shell import Ready


def on_a_mac(ready: Ready, *arguments: str) -> tuple[int, str]:
    """Exit code and words of a command there."""
    done = subprocess.run(
        [sys.executable, without_linux.__file__, *arguments],
        cwd=ready.root,
        env=ready.shell.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert not re.search("^Traceback|LG999", said, re.MULTILINE), said
    return done.returncode, said


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--all"),
        ("models",),
        pytest.param(("verify", "latest"), marks=pytest.mark.nightly),
        pytest.param(("show", "latest"), marks=pytest.mark.nightly),
    ],
)
def test_reading_and_proving_needs_no_linux(ready: Ready, arguments: tuple[str, ...]) -> None:
    """Whoever must sign off can do so on the machine that they have."""
    code, said = on_a_mac(ready, *arguments)
    assert code == 0, said


def test_signing_needs_no_linux(ready: Ready, tmp_path: Path) -> None:
    """`sign` writes a signature over a folder with a key of the person's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.json").write_text("[1]")
    code, said = on_a_mac(ready, "sign", str(tmp_path / "model"), "--key", str(tmp_path / "key.pem"))
    assert code == 0, said
    assert (tmp_path / "model" / "model.sig").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--fresh"),
        pytest.param(("train",), marks=pytest.mark.nightly),  # a stage of `run`
        ("doctor",),
        ("jail", "--", "true"),
    ],
)
def test_what_needs_a_jail_refuses_and_says_where_to_go(ready: Ready, arguments: tuple[str, ...]) -> None:
    """Exit 4, the system's name, and the way to a Linux machine: never a run without a jail."""
    code, said = on_a_mac(ready, *arguments)
    assert code == 4, said
    assert "jails need Linux, and this is Darwin" in said
    assert "docs/how-to/mac-and-windows.md" in said
