"""runtime.environment: an environment is made of locked wheels only, from a local index, and verified before use."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lockgate.core.digest import digest_of, from_hex, hex_of
from lockgate.errors import Refused, Unavailable, Usage, VerificationFailed
from lockgate.runtime import environment, tree
from lockgate.runtime.tree import tree_digest
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import PythonEnv, named
from tests.support.wheels import Place, wheel


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(name="lock")
def _lock(place: Place) -> str:
    digest = wheel(place.wheels, "greeting", {"greeting.py": "WORD = 'hello'\n"})
    return f"greeting==1.0 --hash=sha256:{digest} --hash=sha256:{'0' * 64}\n"


def test_an_environment_is_built_once_and_used_in_a_jail(place: Place, lock: str) -> None:
    """Named by its lock, with each wheel's own digest; the second time it is verified, not built; a jail imports it."""
    made = place.build(lock)
    assert made.path == place.home / "env" / hex_of(digest_of(lock.encode()))
    assert [(w.name, w.version, hex_of(w.digest)) for w in made.wheels] == [
        ("greeting", "1.0", lock.split(":")[1][:64])
    ]
    assert len(place.said) == 1
    for gone in place.wheels.iterdir():
        gone.unlink()
    assert place.build(lock) == made
    assert len(place.said) == 1
    python = PythonEnv.of(made.path)
    assert python.base_python == PythonEnv.own().base_python
    command = ("python", "-c", "import greeting, sys; print(greeting.WORD, sys.prefix)")
    result = Jail(named("judge", python=python)).run(Target(command=command))
    assert result.talk == b"hello /env\n"
    assert environment.described(place.home, python) == made
    assert environment.described(place.home, PythonEnv.own()) is None


def lock_of(digest: str) -> str:
    """A lock of one package."""
    return f"greeting==1.0 --hash=sha256:{digest}\n"


def test_the_same_lock_gives_the_same_tree(tmp_path: Path) -> None:
    """Two builds of one lock differ in no byte: the tree digest says something about the packages.

    What a wheel declares as its licence is known, in SPDX's spelling, when it is built and when it is used again.
    """
    trees, licences = [], []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        place = Place(tmp_path / name)
        digest = wheel(place.wheels, "greeting", {"greeting.py": "WORD = 'hello'\n"}, licence="mit or isc")
        made = place.build(lock_of(digest))
        trees.append(made.tree_digest)
        licences += [each.licence for found in (made, place.build(lock_of(digest))) for each in found.wheels]
    assert trees[0] == trees[1]
    assert licences == ["MIT OR ISC"] * 4


@pytest.fixture(name="template", scope="module")
def _template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, str]:
    place = Place(tmp_path_factory.mktemp("template"))
    lock = f"greeting==1.0 --hash=sha256:{wheel(place.wheels, 'greeting', {'greeting.py': 'WORD = 1'})}\n"
    place.build(lock)
    return place, lock


@pytest.mark.parametrize("damage", ["flip", "add", "remove", "run", "link"])
def test_a_changed_environment_is_refused(tmp_path: Path, template: tuple[Place, str], damage: str) -> None:
    """A flipped byte, a file more or less, an executable bit, a link: LG346, and nothing is repaired silently."""
    place, lock = template[0].copy(tmp_path / "copy"), template[1]
    made = place.build(lock)
    site = next(made.path.glob("lib/python*/site-packages"))
    target = site / "greeting.py"
    target.chmod(0o644)
    if damage == "flip":
        target.write_text("WORD = 'hellp'\n")
    elif damage == "add":
        (site / "extra.py").write_text("")
    elif damage == "remove":
        target.unlink()
    elif damage == "run":
        target.chmod(0o755)
    else:
        (site / "other.py").symlink_to("greeting.py")
    with pytest.raises(VerificationFailed) as raised:
        place.build(lock)
    assert raised.value.finding == "LG346"


def test_a_half_built_environment_is_never_used(place: Place, lock: str) -> None:
    """Without its state file, as after a kill, it is built again; with another interpreter's, too."""
    made = place.build(lock)
    state = next(place.home.glob("state/env/*.json"))
    state.unlink()
    (place.home / "state/tmp/env-killed/env").mkdir(parents=True)
    (made.path / "lib" / "left-over").write_text("x")
    assert place.build(lock) == made
    assert list(place.home.glob("state/tmp/*")) == []
    state.write_text(json.dumps({**json.loads(state.read_text()), "python": "3.9 /usr/bin/python3.9"}))
    assert place.build(lock) == made
    assert len(place.said) == 3
    # One that another version made, which looked at less, is made anew.
    state.write_text(json.dumps({**json.loads(state.read_text()), "v": 1}))
    environment._remember(state.read_bytes())
    assert place.build(lock) == made
    assert len(place.said) == 4
    state.write_bytes(state.read_bytes().replace(made.tree_digest.encode(), b"sha256:" + b"0" * 64))
    with pytest.raises(VerificationFailed):
        environment.verify_environment(place.home, made.lock_digest)


@pytest.mark.parametrize(
    "files",
    [
        {"evil.pth": "import os; os.system('id')\n"},
        {"evil.pth": "/somewhere\n  import os\n"},
        {"sitecustomize.py": "x = 1\n"},
        {"usercustomize/__init__.py": "x = 1\n", "usercustomize.py": "x = 1\n"},
        {"sitecustomize/__init__.py": "x = 1\n"},
        {"sitecustomize/site-packages/x.py": "", "sitecustomize/__init__.py": ""},
        {"usercustomize/text": ""},
        {"sitecustomize.cpython-311-x86_64-linux-gnu.so": ""},
        {"__pycache__/sitecustomize.cpython-311.pyc": ""},
        {"inner.pth": "inner\n", "inner/sitecustomize.py": "x = 1\n"},
        {"evil.pth": "x\x0cimport os\n"},
        {"evil.pth": "x\u2028import os\n"},
        {"evil.pth": "/out\n"},
        {"evil.pth": "../../../../in\n"},
    ],
)
def test_what_runs_at_every_start_is_seen(tmp_path: Path, files: dict[str, str]) -> None:
    """Code in a .pth file, sitecustomize, usercustomize: LG345 with the file's name."""
    site = tmp_path / "lib/python3.11/site-packages"
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    with pytest.raises(Refused) as raised:
        tree.refuse_hooks(tmp_path)
    assert raised.value.finding == "LG345"
    assert next(iter(files)).split("/")[0].split(".")[0] in raised.value.message


def test_what_runs_at_every_start_is_refused(place: Place) -> None:
    """A wheel with such a file ends the build, and nothing of it is kept."""
    digest = wheel(place.wheels, "evil", {"evil.pth": "import os; os.system('id')\n"})
    error = place.refused(f"evil==1.0 --hash=sha256:{digest}\n")
    assert (type(error), error.finding) == (Refused, "LG345")


def test_a_path_in_a_pth_file_is_no_code(place: Place) -> None:
    """Positive control: a .pth file with folders of its own is let in, and names that matter elsewhere only."""
    files = {"plain.pth": "# folders\n\nplain_modules\n", "plain/sitecustomize.py": "", "plain/net.pth": "import os\n"}
    digest = wheel(place.wheels, "plain", {**files, "plain/__init__.py": "", "sitecustomized.py": ""})
    assert place.build(f"plain==1.0 --hash=sha256:{digest}\n").wheels[0].digest == from_hex(digest)


def test_other_bytes_no_wheel_and_no_index_are_told_apart(place: Place, lock: str) -> None:
    """LG343 for other bytes, LG344 for a source distribution, LG347 for what is not there, LG341 without a hash."""
    error = place.refused(f"greeting==1.0 --hash=sha256:{'1' * 64}\n")
    assert (type(error), error.finding) == (Refused, "LG343")
    (place.wheels / "source-1.0.tar.gz").write_bytes(b"x")
    error = place.refused(f"source==1.0 --hash=sha256:{'1' * 64}\n")
    assert (type(error), error.finding) == (Refused, "LG344")
    error = place.refused(f"absent==1.0 --hash=sha256:{'1' * 64}\n")
    assert (type(error), error.finding) == (Unavailable, "LG347")
    error = place.refused("greeting==1.0\n")
    assert (type(error), error.finding) == (Usage, "LG341")


def test_a_missing_lock_says_how_to_make_one(tmp_path: Path) -> None:
    """No lock, a folder in its place: LG340."""
    (tmp_path / "folder").mkdir()
    for name in ("requirements.lock", "folder"):
        with pytest.raises(Usage) as raised:
            environment.locked_python(tmp_path, tmp_path / ".lockgate", tmp_path / name, print)
        assert raised.value.finding == "LG340"
        assert "lockgate lock" in raised.value.next


def test_a_special_file_is_refused(tmp_path: Path) -> None:
    """A pipe in a tree cannot be hashed and is no package."""
    (tmp_path / "file").write_text("x")
    assert tree.tree_digest(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refused):
        tree.tree_digest(tmp_path)


def test_an_environment_that_this_user_did_not_build_is_built_anew(place: Place, lock: str) -> None:
    """Code put into the environment, and a state file that fits it, do not help: nobody remembers building that."""
    made = place.build(lock)
    planted = next(made.path.glob("lib/python*/site-packages")) / "greeting.py"
    planted.chmod(0o644)
    planted.write_text("import os\n")
    state = next(place.home.glob("state/env/*.json"))
    changed = tree_digest(made.path)
    state.write_bytes(state.read_bytes().replace(made.tree_digest.encode(), changed.encode()))
    with pytest.raises(VerificationFailed):
        environment.verify_environment(place.home, made.lock_digest)
    assert place.build(lock) == made
    assert "import os" not in planted.read_text()
