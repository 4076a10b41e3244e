"""Supply chain: a package that training installs is hostile. Each attack is refused; what is honest passes."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from pathlib import Path

import pydantic
import pytest

from lockgate.errors import Refused, Usage
from lockgate.runtime.jail.wheels import flaws
from lockgate.runtime.locked.checks import has_plugin, shadows
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import Bind, PythonEnv, named
from tests.support.wheels import Place, served, wheel

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
        ("a/./fine.py", 0, "second spelling"),
        ("a//fine.py", 0, "second spelling"),
    ],
)
def test_an_archive_s_directory_is_read_strictly(name: str, mode: int, said: str) -> None:
    """Escapes, links and doubles are named; the honest member beside them is not."""
    honest, evil = [zipfile.ZipInfo("a/"), zipfile.ZipInfo("a/fine.py")], zipfile.ZipInfo("x")
    evil.orig_filename, evil.external_attr = name, mode << 16
    assert list(flaws(honest)) == []
    found = list(flaws([*honest, evil]))
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
        f"{SITE}/org/python/core.py",
        f"{SITE}/org.py",
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
        "bin/uname",
        "bin/lscpu",
        "bin/gcc",
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
        ("helper", f"{SITE}/organ/python.py"),
        ("helper", "bin/helper"),
        ("numpy", "bin/f2py"),
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


@pytest.mark.parametrize("path", ["honest/base/__init__.py", "honest/_local.py"])
def test_a_package_brings_no_code_into_another_one(place: Place, path: str) -> None:
    """A folder that goes before a module of its name, a private module that the other one tries to import: LG354."""
    files = {"honest/__init__.py": "", "honest/base.py": "who = 'honest'\n"}
    honest = wheel(place.wheels, "honest", files)
    evil = wheel(place.wheels, "addon", {"addon.py": "", path: "who = 'addon'\n"})
    error = place.refused(f"honest==1.0 --hash=sha256:{honest}\naddon==1.0 --hash=sha256:{evil}\n")
    assert (type(error), error.finding) == (Refused, "LG354")
    assert error.seen == {"name": "honest", "packages": ("addon", "honest")}


def test_packages_of_one_maker_share_a_folder(place: Place) -> None:
    """Positive control: a namespace package, of two wheels, is imported from both."""
    one = wheel(place.wheels, "house_one", {"house/one/__init__.py": "", "house/one/base.py": "WORD = 'one'\n"})
    two = wheel(place.wheels, "house_two", {"house/two/__init__.py": "", "house/two/base.py": "WORD = 'two'\n"})
    made = place.build(f"house-one==1.0 --hash=sha256:{one}\nhouse-two==1.0 --hash=sha256:{two}\n")
    code = "from house.one import base as a; from house.two import base as b; print(a.WORD, b.WORD)"
    result = Jail(named("judge", python=PythonEnv.of(made.path))).run(Target(command=("python", "-c", code)))
    assert result.talk == b"one two\n"


def test_a_hook_in_a_folder(place: Place) -> None:
    """`sitecustomize` as a package runs as a module does: LG345, from the data of a wheel as from its modules."""
    hidden = f"addon-1.0.data/data/{SITE}/sitecustomize/__init__.py"
    digest = _rewritten(place, "addon", {hidden: "print('here')\n"})
    error = place.refused(f"addon==1.0 --hash=sha256:{digest}\n")
    assert (type(error), error.finding) == (Refused, "LG345")
    assert not list(place.cache.glob("unpacked/*"))


def test_a_plugin_for_pydantic_is_switched_off(place: Place) -> None:
    """What nobody imports is not run where a model is declared, and the person is told; the package is let in."""
    points = "[pydantic]\nx = addon:plugin\n"
    files = {"addon.py": "print('here')\nplugin = None\n", "addon-1.0.dist-info/entry_points.txt": points}
    made = place.build(f"addon==1.0 --hash=sha256:{wheel(place.wheels, 'addon', files)}\n")
    assert "addon has a plugin for pydantic" in place.said[-1]
    installed = Bind(Path(pydantic.__file__).parents[1], "/installed")
    code = (
        "import sys; sys.path.append('/installed'); from pydantic import BaseModel\n"
        "class Model(BaseModel):\n    a: int\n"
        "print(Model(a=1))"
    )
    settings = named("contract", python=PythonEnv.of(made.path), binds=[installed])
    assert Jail(settings).run(Target(command=("python", "-P", "-s", "-B", "-c", code))).talk == b"a=1\n"
    without = f"import os; os.environ.pop('PYDANTIC_DISABLE_PLUGINS'); {code}"
    assert b"here" in Jail(settings).run(Target(command=("python", "-P", "-s", "-B", "-c", without))).talk


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"[pydantic]\nx = a:b\n", True), (b"[a]\n [ pydantic ]\n", True), (b"[pydantic.extra]\npydantic = a:b\n", False)],
)
def test_a_plugin_is_seen_by_its_group(text: bytes, *, expected: bool) -> None:
    """The group alone; a command of that name is none."""
    assert has_plugin(text) == expected


@pytest.mark.parametrize(("name", "version"), [("q", "1\\n--index-url http://{}"), ("q\\n--pre\\nq", "1")])
def test_a_lock_gives_uv_no_option(place: Place, name: str, version: str) -> None:
    """A name or version of more than one line is LG342: nobody is asked anything."""
    with served(place.folder / "served") as index:
        place.environ |= {"PIP_INDEX_URL": index.address("public")}
        del place.environ["PIP_NO_INDEX"], place.environ["PIP_FIND_LINKS"]
        lock = (
            'version = 1\n[[package]]\nname = "p"\nsource = {{ virtual = "." }}\ndependencies = [{{ name = "{0}" }}]\n'
            '[[package]]\nname = "{0}"\nversion = "{1}"\nsource = {{ registry = "x" }}\nwheels = [{{ hash = "{2}" }}]\n'
        )
        address = f"127.0.0.1:{index.port}/evil"
        error = place.refused(lock.format(name, version.format(address), "sha256:" + "a" * 64))
        assert (type(error), error.finding, index.asked) == (Usage, "LG342", [])
