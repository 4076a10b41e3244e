"""runtime.locked.owners: code of one wheel never stands under an import name that is another's."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lockgate.runtime.locked.checks import SITE
from lockgate.runtime.locked.owners import conflicts

EXTEND = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
EITHER = f"""# shared
try:
    __import__("pkg_resources").declare_namespace(__name__)
except ImportError:
    {EXTEND}"""
A, B = "ns/a/__init__.py", "ns/b/__init__.py"


def _found(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The names in conflict; the same whichever wheel comes first."""
    texts = {"one": one, "other": other}
    paths = {wheel: [f"{SITE}/{path}" for path in files] for wheel, files in texts.items()}

    def read(wheel: str, path: str) -> bytes:
        return texts[wheel][path.removeprefix(f"{SITE}/")].encode()

    found = list(conflicts(paths, read))
    assert found == list(conflicts(dict(reversed(paths.items())), read))
    assert all(packages == ("one", "other") for _, packages in found)
    return [name for name, _ in found]


def _of(*paths: str) -> dict[str, str]:
    return dict.fromkeys(paths, "")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (_of("a/__init__.py", "a/base.py"), _of("a/base/__init__.py"), "a"),
        (_of("a/__init__.py"), _of("a/_local.py"), "a"),
        (_of("a/__init__.py"), _of("a/__init__.py", "a/_local.py"), "a"),
        (_of("a/__init__.pyc"), _of("a/_local.py"), "a"),
        (_of("a/__init__.abi3.so"), _of("a/_local.py"), "a"),
        (_of("a/__init__.py"), _of("a/data/text.json"), "a"),
        (_of("a/one.py"), _of("a/__init__.py"), "a"),
        (_of("a.py"), _of("a/__init__.py"), "a"),
        (_of("a.py"), _of("a/b.py"), "a"),
        (_of("a.py"), _of("a.cpython-311-x86_64-linux-gnu.so"), "a"),
        (_of("a.py"), _of("__pycache__/a.cpython-311.pyc"), "a"),
        (_of("ns/a/__init__.py"), _of("ns/a/_local.py"), "ns/a"),
        (_of("ns/a.py"), _of("ns/a/__init__.py"), "ns/a"),
        (_of("ns/a.py"), _of("ns/__pycache__/a.cpython-311.pyc"), "ns/a"),
        (_of("a.libs/x.so"), _of("a.libs/y.so"), "a.libs"),
        ({"ns/__init__.py": EXTEND, A: ""}, {"ns/__init__.py": EXTEND, "ns/a/x.py": ""}, "ns/a"),
        ({"ns/__init__.py": EXTEND + "import os\n"}, _of(B), "ns"),
        ({"ns/__init__.py": "# coding: utf-7\n# +AAo-import os\n" + EXTEND}, _of(B), "ns"),
        (_of("nvidia/__init__.py", "nvidia/a/__init__.py"), _of("nvidia/__init__.py", "nvidia/a/x.py"), "nvidia/a"),
        ({"nvidia/__init__.py": "import os\n"}, _of("nvidia/a/__init__.py"), "nvidia"),
    ],
)
def test_a_name_has_one_owner(one: Mapping[str, str], other: Mapping[str, str], expected: str) -> None:
    """A package and a module, a private module, compiled code, bytecode, a folder that only looks shared."""
    assert _found(one, other) == [expected]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_of("a/__init__.py"), _of("b/__init__.py", "b/a.py", "b/a/x.py")),
        (_of("a.py", "__pycache__/a.cpython-311.pyc"), _of("a.py", "__pycache__/a.cpython-311.pyc")),
        (_of("a.py", "a/__init__.py"), _of("b.py")),
        (_of(A), _of(B)),
        (_of("ns/lib/x.so", "ns/include/x.h"), _of("ns/lib/y.so", "ns/include/y.h")),
        ({"ns/__init__.py": EXTEND, A: ""}, {"ns/__init__.py": EXTEND, B: ""}),
        ({"ns/__init__.py": EITHER, A: ""}, _of(B)),
        (_of("nvidia/__init__.py", "nvidia/a/__init__.py"), _of("nvidia/__init__.py", "nvidia/b/__init__.py")),
        (_of("tests/__init__.py", "tests/test_a.py"), _of("tests/__init__.py", "tests/test_b.py")),
        (_of("LICENSE", "one-1.0.dist-info/METADATA"), _of("LICENSE", "other-1.0.dist-info/METADATA")),
    ],
)
def test_what_makers_share_is_let_in(one: Mapping[str, str], other: Mapping[str, str]) -> None:
    """Positive control: three kinds of namespace packages, NVIDIA's, one module of both, tests left in a wheel."""
    assert _found(one, other) == []
