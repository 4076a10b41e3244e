"""runtime.locked: a uv.lock and a pylock.toml lock what a requirements.lock does, or are refused by file and line."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from lockgate.errors import LockgateError, Refused, Usage
from lockgate.runtime.lock import Requirement, pins_of
from lockgate.runtime.locked import pylock, uvlock
from lockgate.runtime.locked.read import read

A, B, C = "a" * 64, "b" * 64, "c" * 64

UV = f"""version = 1
revision = 5
requires-python = ">=3.11"

[[package]]
name = "numpy"
version = "2.4.6"
source = {{ registry = "https://index.example/simple" }}
wheels = [
    {{ url = "https://index.example/numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.whl", hash = "sha256:{A}" }},
    {{ url = "https://index.example/numpy-2.4.6-cp312-cp312-manylinux_2_27_x86_64.whl", hash = "sha256:{B}" }},
]

[[package]]
name = "project"
version = "0"
source = {{ virtual = "." }}
dependencies = [
    {{ name = "Server", extra = ["fast"] }},
    {{ name = "windows-only", marker = "sys_platform == 'win32'" }},
]

[package.dev-dependencies]
dev = [{{ name = "developing" }}]

[[package]]
name = "server"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
wheels = [{{ url = "https://index.example/server-1.0-py3-none-any.whl", hash = "sha256:{B}" }}]

[package.optional-dependencies]
fast = [{{ name = "numpy" }}]
slow = [{{ name = "developing" }}]

[[package]]
name = "developing"
version = "1.0"
source = {{ git = "https://code.example/developing" }}

[[package]]
name = "windows-only"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
sdist = {{ url = "https://index.example/windows-only-1.0.tar.gz", hash = "sha256:{C}" }}
"""

PYLOCK = f"""lock-version = "1.0"
created-by = "test"

[[packages]]
name = "numpy"
version = "2.4.6"
marker = "python_version >= '3.11'"
wheels = [{{ url = "https://index.example/numpy-2.4.6-cp311-cp311-linux_x86_64.whl", hashes = {{ sha256 = "{A}" }} }}]

[[packages]]
name = "windows-only"
version = "1.0"
marker = "sys_platform == 'win32'"
sdist = {{ url = "https://index.example/windows-only-1.0.tar.gz", hashes = {{ sha256 = "{C}" }} }}
"""


def test_a_uv_lock_is_what_its_root_needs_here() -> None:
    """Reached from the project itself: the extra that is asked for, no other platform, no group for developing; wheels'
    hashes only.
    """
    assert read(UV.encode(), "uv.lock") == (
        Requirement("numpy", "2.4.6", frozenset({A, B}), 5),
        Requirement("server", "1.0", frozenset({B}), 26),
    )


def test_a_pylock_is_what_applies_here() -> None:
    """A package of another platform is left out, with its source distribution."""
    assert read(PYLOCK.encode(), "pylock.toml") == (Requirement("numpy", "2.4.6", frozenset({A}), 4),)


def test_the_form_is_told_by_the_content() -> None:
    """A lock in a model's closure has one name, whatever tool made it."""
    assert read(UV.encode()) == read(UV.encode(), "uv.lock")
    assert read(f"numpy==2.4.6 --hash=sha256:{A}\n".encode(), "uv.lock")[0].name == "numpy"


def test_a_marker_decides_in_a_requirements_lock_too() -> None:
    """A line for another interpreter locks nothing here; one that is no marker is refused."""
    here, there = "python_version >= '3'", "python_version < '3'"
    text = f"a==1 ; {here} --hash=sha256:{A}\nb==1 ; {there} --hash=sha256:{B}\n"
    assert [each.name for each in read(text.encode())] == ["a"]
    with pytest.raises(Usage) as raised:
        read(f"a==1 ; python > 3 --hash=sha256:{A}\n".encode())
    assert raised.value.finding == "LG342"
    with pytest.raises(Usage) as raised:
        read(f"a==1 --hash=sha256:{A}\na==2 --hash=sha256:{B}\n".encode())
    assert (raised.value.finding, raised.value.seen["line"]) == ("LG342", 2)


def test_pins_are_read_for_every_platform() -> None:
    """What a lock says, whatever the interpreter; what is no requirements.lock says nothing."""
    text = f"a==1 ; python_version < '3' --hash=sha256:{A}\na==2 --hash=sha256:{B}\n"
    assert pins_of(text.encode()) == {"a": (frozenset({"1", "2"}), frozenset({A, B}))}
    assert pins_of(UV.encode()) == {}


REGISTRY = 'source = { registry = "https://index.example/simple" }\nwheels'


@pytest.mark.parametrize(
    ("old", "new", "finding", "line"),
    [
        (f', hash = "sha256:{B}" }}]', "}]", "LG341", 26),
        (REGISTRY, 'source = { git = "https://code.example/x" }\nwheels', "LG342", 5),
        (REGISTRY, 'source = { url = "https://code.example/x.whl" }\nwheels', "LG342", 5),
        (REGISTRY, 'source = { path = "../x.whl" }\nwheels', "LG342", 5),
        (REGISTRY, 'source = { editable = "../x" }\nwheels', "LG342", 5),
        (REGISTRY, 'source = { directory = "../x" }\nwheels', "LG342", 5),
        ('[{ name = "numpy" }]', '[{ name = "developing" }]', "LG342", 36),
        ("'win32'", "'linux'", "LG344", 41),
        ('{ name = "numpy" }', '{ name = "nobody" }', "LG340", 26),
        ("== 'win32'", "is 'win32'", "LG340", 14),
        ('{ virtual = "." }', '{ virtual = "other" }', "LG340", None),
        ("version = 1\nrevision", "version = 9\nrevision", "LG340", None),
        ('">=3.11"', '"<3"', "LG340", 3),
        ('">=3.11"', '"what"', "LG340", 3),
        ('version = "2.4.6"', 'version = "2.4.6\\n"', "LG342", 5),
        ('version = "2.4.6"', 'version = "--"', "LG342", 5),
    ],
)  # fmt: skip
def test_what_a_uv_lock_may_not_say(old: str, new: str, finding: str, line: int | None) -> None:
    """No hash, another source than an index, no wheel, a package that is not there: with file and line."""
    text = UV.replace(old, new, 1)
    with pytest.raises(LockgateError) as raised:
        read(text.encode(), "uv.lock")
    assert raised.value.finding == finding
    if line is not None:
        assert raised.value.seen["line"] == line
        assert raised.value.message.startswith(f"uv.lock:{line}: ")


@pytest.mark.parametrize(
    ("old", "new", "finding", "kind"),
    [
        (f'sha256 = "{A}"', f'md5 = "{A[:32]}"', "LG341", Usage),
        ('created-by = "test"', 'created-by = "test"\nrequires-python = "<3"', "LG340", Usage),
        ('created-by = "test"', 'created-by = "test"\nenvironments = ["sys_platform == \'win32\'"]', "LG340", Usage),
        ('version = "2.4.6"', 'version = "2.4.6"\nrequires-python = "<3"', "LG340", Usage),
        ("python_version >= '3.11'", "os_name ~= 'x'", "LG340", Usage),
        ("python_version >= '3.11'", "(" * 3000 + "os_name == 'x'" + ")" * 3000, "LG340", Usage),
        ("'win32'", "'linux'", "LG344", Refused),
        ('lock-version = "1.0"', 'lock-version = "9.0"', "LG340", Usage),
        ('name = "numpy"', 'name = "Num Py"', "LG340", Usage),
        ("wheels = [", 'vcs = {type = "git", url = "https://code.example/x", commit-id = "1"}\nx = [', "LG342", Usage),
        ("wheels = [", 'directory = {path = "../x"}\nx = [', "LG342", Usage),
        ("[[packages]]", "[[nothing]]", "LG340", Usage),
    ],
)
def test_what_a_pylock_may_not_say(old: str, new: str, finding: str, kind: type[LockgateError]) -> None:
    """No SHA-256, another source than an index, no wheel, another form, another Python."""
    with pytest.raises(LockgateError) as raised:
        read(PYLOCK.replace(old, new).encode(), "pylock.toml")
    assert (raised.value.finding, type(raised.value)) == (finding, kind)


@pytest.mark.parametrize("text", ["a." * 60_000 + "a = 1\n", f"[{'a.' * 60_000}a]\n"])
def test_a_key_of_endless_parts_is_refused_at_once(text: str) -> None:
    """Reading it as TOML would take minutes, and all memory."""
    with pytest.raises(Usage) as raised:
        read(text.encode(), "uv.lock")
    assert raised.value.finding == "LG342"


def test_a_pylock_for_this_python_is_taken() -> None:
    """Positive control: what it is made for holds here, of the document and of the package."""
    more = 'created-by = "test"\nrequires-python = ">=3.11"\nenvironments = ["os_name == \'posix\'"]'
    text = PYLOCK.replace('created-by = "test"', more).replace('= "2.4.6"', '= "2.4.6"\nrequires-python = ">=3.11"', 1)
    assert [each.name for each in read(text.encode())] == ["numpy"]


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from _places(each, (*at, key))


@pytest.mark.parametrize(("text", "reader"), [(UV, uvlock.read), (PYLOCK, pylock.read)])
def test_a_value_of_another_kind_is_a_finding(text: str, reader: Any) -> None:
    """Whatever stands in place of any value: a lock or a finding, never a traceback."""
    raw = tomllib.loads(text)
    refused = 0
    others: tuple[Any, ...] = (5, "", "x\ny", [], [1], ["x"], [[]], {}, {"a": 1}, {"x": [1]}, True)
    for *path, key in _places(raw):
        for other in others:
            changed = copy.deepcopy(raw)
            place = changed
            for step in path:
                place = place[step]
            place[key] = other
            if reader is uvlock.read and not (isinstance(changed["package"], list) and type(changed["version"]) is int):
                continue  # told apart before
            try:
                reader(changed, {(): 1}, "a lock")
            except LockgateError:
                refused += 1
    assert refused > 100


@pytest.mark.parametrize("text", ["a = 1\n", "[[package]]\nname = 'a'\n", "version = 1\npackage = 3\n"])
def test_other_toml_is_no_lock(text: str) -> None:
    """LG340, never a traceback."""
    with pytest.raises(Usage) as raised:
        read(text.encode(), "uv.lock")
    assert raised.value.finding == "LG340"
