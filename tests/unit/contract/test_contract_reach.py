"""A contract is judged with the code that it can see, and an edit of other code changes nothing of a validation."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.contract.closure import capture_code
from lockgate.contract.reach import unseen_by

PLAIN = b"from pydantic import BaseModel\n\nclass Row(BaseModel):\n    age: int\n"


@pytest.mark.parametrize(
    ("files", "unseen"),
    [
        ({"train.py": b"import kinds"}, {"train.py"}),
        ({"train.py": b"", "features.py": b"", "rows.csv": b""}, {"train.py", "features.py"}),
        ({"contract.py": b"from kinds import Town\n", "kinds.py": b"", "train.py": b""}, {"train.py"}),
        ({"contract.py": b"import a\n", "a.py": b"import b", "b.py": b"import c", "c.py": b"", "d.py": b""}, {"d.py"}),
        ({"contract.py": b"from parts.towns import X\n", "parts/towns.py": b"", "parts/__init__.py": b""}, set()),
        ({"contract.py": b"from . import parts\n", "parts/deep/x.py": b"", "train.py": b""}, {"train.py"}),
        ({"contract.py": "from größen import X\n".encode(), "größen.py": b"", "train.py": b""}, {"train.py"}),
        ({"contract.py": b'"""As train says."""  # and train.py\n', "train.py": b""}, {"train.py"}),
        ({"contract.py": b"x = f\"{__import__('train')}\"\n", "train.py": b""}, set()),
        ({"contract.py": b"def broken(\n", "train.py": b""}, set()),
        ({"contract.py": b"from parts import towns as t\n", "parts/towns.py": b"import a.b", "b.py": b""}, set()),
        ({"contract.py": b"from kinds import *\n", "kinds.py": b"", "train.py": b""}, set()),
        ({"contract.py": b"import importlib\n", "train.py": b""}, set()),
        ({"contract.py": b"x = __import__('tr' + 'ain')\n", "train.py": b""}, set()),
        ({"contract.py": b"exec(text)\n", "train.py": b""}, set()),
        ({"contract.py": b"from pydantic import ImportString\n", "train.py": b""}, set()),
        ({"contract.py": b"import a\n", "a.py": b"import sys\n", "train.py": b""}, set()),
        ({"contract.py": b"TOWNS = open('towns.py').read()\n", "train.py": b""}, set()),
        ({"contract.py": b"pd.read_csv('x')\n", "train.py": b""}, set()),
        ({"contract.py": b"X = '\xe4'\n", "train.py": b""}, set()),
    ],
)
def test_a_file_is_unseen_where_nothing_names_it(files: dict[str, bytes], unseen: set[str]) -> None:
    """Directly, through others, as a package; a remark names nothing. Where files are reached otherwise, none is."""
    found = unseen_by("contract.py", {"contract.py": PLAIN, **files})
    assert unseen == found
    assert "contract.py" not in found


def _captured(root: Path, into: Path, **files: bytes) -> tuple[list[str], str]:
    for name, data in files.items():
        (root / f"{name}.py").write_bytes(data)
    closure = capture_code(root, ("*.py",), "contract.py", into)
    return sorted(path.name for path in into.iterdir()), closure.digest


def test_the_jail_gets_what_the_contract_names_and_nothing_else(tmp_path: Path) -> None:
    """What is left out is not there to be imported; its edit leaves the digest, an edit of what is seen does not."""
    root = tmp_path / "project"
    root.mkdir()
    there, first = _captured(root, tmp_path / "1", contract=b"import kinds\n" + PLAIN, kinds=b"", train=b"one")
    assert there == ["contract.py", "kinds.py"]
    assert first == _captured(root, tmp_path / "2", train=b"two")[1]
    assert first != _captured(root, tmp_path / "3", kinds=b"A = 1")[1]
    there, whole = _captured(root, tmp_path / "4", contract=b"import kinds, importlib\n" + PLAIN)
    assert there == ["contract.py", "kinds.py", "train.py"]
    assert whole != _captured(root, tmp_path / "5", train=b"three")[1]
