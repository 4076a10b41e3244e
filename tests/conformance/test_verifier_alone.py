"""The verifier of one file as a stranger has it: alone, of the digest that was published, without Lockgate."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from lockgate.core.digest import digest_of
from lockgate.project.resources import verifier as packaged
from tests.support.evidence_archive import VERIFIER, made_archive, packed
from tests.support.verifier import NOW

ALLOWED = {"cryptography"}
FORBIDDEN = {"eval", "exec", "compile", "__import__", "globals", "setattr"}

RUN = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"lockgate", "socket", "subprocess", "http"}:
            raise ImportError(f"{name} is not to be had here")
sys.meta_path.insert(0, Nothing())
sys.argv = sys.argv[1:]
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_it_runs_where_lockgate_cannot_be_imported(tmp_path: Path) -> None:
    """In an isolated interpreter without Lockgate, sockets and processes: exit 0, and 3 for one changed byte."""
    with made_archive(tmp_path) as made:
        (tmp_path / "alone").mkdir()
        program = tmp_path / "alone" / "verify.py"
        program.write_bytes(VERIFIER.read_bytes())
        good, bad = tmp_path / "alone" / "a.zip", tmp_path / "alone" / "b.zip"
        good.write_bytes(packed(made.files))
        bad.write_bytes(packed(made.with_files({"policy.toml": made.files["policy.toml"] + b"\n"})))
        outcomes = {}
        for name in ("a.zip", "b.zip"):
            command = [sys.executable, "-I", "-c", RUN, "verify.py", "--root", made.root, "--at", NOW, name]
            done = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, check=False)
            outcomes[name] = (done.returncode, done.stderr)
        assert outcomes == {"a.zip": (0, ""), "b.zip": (3, "")}
        assert {"a.zip", "b.zip", "verify.py"} == {one.name for one in program.parent.iterdir()}


def test_the_root_is_required(tmp_path: Path) -> None:
    """There is no default, and no environment variable: usage, exit 2."""
    command = [sys.executable, "-I", str(VERIFIER), str(tmp_path / "a.zip")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"LOCKGATE_ROOT": "ab" * 32})
    assert done.returncode == 2
    assert "--root" in done.stderr


def test_it_imports_the_standard_library_and_cryptography_only() -> None:
    """What a reader must trust besides the file; nothing that opens a network, starts a process or runs a text."""
    tree = ast.parse(VERIFIER.read_text())
    named = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert named - set(sys.stdlib_module_names) == ALLOWED
    assert set() == named & {"socket", "subprocess", "os", "urllib", "http", "pickle", "marshal", "ctypes", "importlib"}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert set() == called & FORBIDDEN
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert set() == attributes & {"write_text", "write_bytes", "environ", "getenv", "mkdir", "unlink"}


def test_the_published_digest_is_the_file_s() -> None:
    """`verifier/SHA256SUMS`, in the form of sha256sum: who changes the program changes this line, and says so."""
    digest = hashlib.sha256(VERIFIER.read_bytes()).hexdigest()
    assert f"{digest}  {VERIFIER.name}\n" == (VERIFIER.parent / "SHA256SUMS").read_text()


def test_what_the_package_brings_along_is_the_same_file() -> None:
    """`export evidence` puts it into archives: byte for byte the one of the checkout."""
    assert digest_of(packaged()) == digest_of(VERIFIER.read_bytes())
    text = (VERIFIER.parents[1] / "pyproject.toml").read_text()
    assert '"verifier" = "lockgate/_verifier"' in text
    assert "verifier/lockgate_verify.py" in text


@pytest.mark.parametrize("words", ["--help", "--root"])
def test_help_and_usage_say_the_form(words: str) -> None:
    """What it is asked with."""
    done = subprocess.run([sys.executable, "-I", str(VERIFIER), words], capture_output=True, text=True, check=False)
    assert (done.returncode, "--root FP" in done.stdout + done.stderr) == (0 if words == "--help" else 2, True)
