"""Supply chain: a package that training installs is hostile. Each attack is refused; what is honest passes."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from pathlib import Path

import pytest

from lockgate.errors import Refused
from lockgate.runtime.jail.wheels import flaws
from lockgate.runtime.locked.checks import shadows
from tests.support.wheels import Place, wheel

SITE = "lib/python3.11/site-packages"


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _rewritten(place: Place, name: str, files: dict[str, str]) -> str:
    """The wheel `name` with further members, which its RECORD does not know; its SHA-256."""
    wheel(place.wheels, name, {f"{name}.py": ""})
    path = place.wheels / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "a") as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_another_package_under_the_locked_name(place: Place) -> None:
    """The index serves other bytes for name and version: LG343, before anything is unpacked."""
    locked = wheel(place.wheels, "popular", {"popular.py": "honest = True\n"})
    wheel(place.wheels, "popular", {"popular.py": "honest = False\n"})
    error = place.refused(f"popular==1.0 --hash=sha256:{locked}\n")
    assert (type(error), error.finding) == (Refused, "LG343")
    assert not list(place.cache.glob("unpacked/*"))
    assert not list(place.cache.glob("wheels/*"))


def test_a_wheel_that_writes_outside_of_itself(place: Place) -> None:
    """A member with `..` is LG353, from the archive's own directory, before uv sees it."""
    digest = _rewritten(place, "climber", {"../../../outside.py": "x = 1\n"})
    error = place.refused(f"climber==1.0 --hash=sha256:{digest}\n")
    assert (type(error), error.finding) == (Refused, "LG353")
    assert "outside.py" in error.message
    assert not list(place.folder.rglob("outside.py"))


def test_what_is_no_archive(place: Place) -> None:
    """Bytes with the locked digest that are no zip end in a finding."""
    (place.wheels / "noise-1.0-py3-none-any.whl").write_bytes(b"PK\x05\x06" + b"\xff" * 40)
    digest = hashlib.sha256((place.wheels / "noise-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    assert place.refused(f"noise==1.0 --hash=sha256:{digest}\n").finding in ("LG347", "LG353")


@pytest.mark.parametrize(
    ("name", "mode", "said"),
    [
        ("a/../../b", 0, "leads out"),
        ("/etc/passwd", 0, "leads out"),
        ("a\\..\\b", 0, "leads out"),
        ("c:/b", 0, "leads out"),
        ("a/link", stat.S_IFLNK | 0o777, "is a link"),
        ("a/fine.py", 0, "in it twice"),
    ],
)
def test_an_archive_s_directory_is_read_strictly(name: str, mode: int, said: str) -> None:
    """Escapes, links and doubles are named; the honest member beside them is not."""
    honest, evil = zipfile.ZipInfo("a/fine.py"), zipfile.ZipInfo("x")
    evil.orig_filename, evil.external_attr = name, mode << 16
    assert list(flaws([honest])) == []
    found = list(flaws([honest, evil]))
    assert len(found) == 1
    assert said in found[0]


def test_a_small_archive_that_unpacks_to_everything() -> None:
    """What its directory promises is bounded before a byte is unpacked."""
    bomb = zipfile.ZipInfo("a")
    bomb.file_size = 1 << 40
    assert len(list(flaws([bomb]))) == 1


def test_a_wheel_that_stands_in_for_lockgate(place: Place) -> None:
    """A top-level package of our name is LG352, and nothing of it is kept."""
    digest = wheel(place.wheels, "helper", {"lockgate/__init__.py": "", "helper.py": ""})
    error = place.refused(f"helper==1.0 --hash=sha256:{digest}\n")
    assert (type(error), error.finding) == (Refused, "LG352")
    assert not list(place.cache.glob("unpacked/*"))


@pytest.mark.parametrize(
    "path",
    [
        f"{SITE}/lockgate/__init__.py",
        f"{SITE}/lockgate.py",
        f"{SITE}/json.py",
        f"{SITE}/json/__init__.py",
        f"{SITE}/random.cpython-311-x86_64-linux-gnu.so",
        f"{SITE}/ssl.abi3.so",
        "lib/python3.11/os.py",
        "lib/python3.12/site-packages/x.py",
        "pyvenv.cfg",
        "bin/python",
        "bin/python3.11",
        "bin/lockgate",
        "bin/sh",
        "bin/uv",
        "bin/pip",
        "bin/activate",
    ],
)
def test_a_file_that_stands_where_another_is_looked_for(path: str) -> None:
    """Lockgate, the interpreter, its library, the tools, what makes the folder an environment."""
    assert len(list(shadows("helper", [path]))) == 1


@pytest.mark.parametrize(
    ("package", "path"),
    [
        ("helper", f"{SITE}/helper/json.py"),
        ("helper", f"{SITE}/helper.py"),
        ("helper", f"{SITE}/json-5.dist-info/METADATA"),
        ("helper", "bin/helper"),
        ("helper", "lib/libhelper.so"),
        ("helper", "share/helper/x.txt"),
        ("uv", "bin/uv"),
        ("pip", "bin/pip"),
    ],
)
def test_an_honest_file_is_let_in(package: str, path: str) -> None:
    """Positive control: names that only look alike, and the tools from their own package."""
    assert list(shadows(package, [path])) == []


def test_a_wheel_that_replaces_a_module_of_another(place: Place) -> None:
    """Which of the two would run depends on the order: LG354. The same bytes twice are no conflict."""
    popular = wheel(place.wheels, "popular", {"popular/__init__.py": "honest = True\n", "shared.py": ""})
    evil = wheel(place.wheels, "addon", {"popular/__init__.py": "honest = False\n"})
    error = place.refused(f"popular==1.0 --hash=sha256:{popular}\naddon==1.0 --hash=sha256:{evil}\n")
    assert (type(error), error.finding) == (Refused, "LG354")
    honest = wheel(place.wheels, "friend", {"shared.py": "", "friend.py": ""})
    made = place.build(f"popular==1.0 --hash=sha256:{popular}\nfriend==1.0 --hash=sha256:{honest}\n")
    assert [each.name for each in made.wheels] == ["friend", "popular"]
