"""The command line starts fast: a verb loads what it needs, and nothing else (docs/adr/0011-click.md)."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from lockgate.cli.main import VERBS

HEAVY = ("cryptography", "numpy", "onnxruntime", "pandas", "pyarrow", "pydantic", "sklearn", "starlette", "uvicorn")


def loaded_by(*arguments: str) -> set[str]:
    """The heavy libraries that a fresh interpreter has loaded after running `lockgate ARGUMENTS`."""
    program = (
        "import sys\nfrom lockgate.cli.main import run\n"
        f"run({list(arguments)!r})\n"
        f"print('loaded:', *sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.rpartition("loaded:")[2].split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("explain", "contract"), ("run", "--help")])
def test_words_need_no_library(arguments: tuple[str, ...]) -> None:
    """Help, version and explanations come without loading one of the heavy libraries."""
    assert loaded_by(*arguments) == set()


def test_a_loaded_library_is_noticed() -> None:
    """Positive control: a heavy library that a process has loaded is seen."""
    program = "import sys, pyarrow; print(sorted(set(sys.modules) & {'pyarrow'}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "['pyarrow']\n"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_one_line_of_help(verb: str) -> None:
    """The line that `lockgate --help` shows without loading the verb is the verb's own."""
    name = {"import": "import_", "try": "try_"}.get(verb, verb)
    command = importlib.import_module(f"lockgate.cli.{name}").command
    assert (command.name, command.short_help) == (verb, VERBS[verb])
