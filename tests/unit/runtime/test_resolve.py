"""`lockgate lock`: requirements become a lock with hashes, without addresses, with what our jails need, or a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from lockgate.cli.main import run
from lockgate.errors import LockgateError, Refused, Unavailable, Usage
from lockgate.runtime.lock import pins_of
from lockgate.runtime.locked import wanted
from lockgate.runtime.locked.fetch import Origins
from lockgate.runtime.locked.resolve import Asked, resolve
from tests.support.wheels import Served, served, wheel

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(name="indexes", scope="module")
def _indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A public index with what our jails need and two versions of `tool`; an internal one with `tool` and `ours`."""
    folder = tmp_path_factory.mktemp("served")
    for name in (
        "numpy",
        "onnx",
        "onnxruntime",
        "pandas",
        "pyarrow",
        "pydantic",
        "scikit_learn",
        "skl2onnx",
    ):
        wheel(folder / "public", name, {f"{name}.py": ""})
    for version in ("6.0", "7.0"):
        wheel(folder / "public", "protobuf", {"protobuf.py": ""}, version=version)
        wheel(folder / "public", "tool", {"tool.py": ""}, version=version)
    wheel(folder / "public", "xgboost", {"xgboost.py": ""})
    wheel(folder / "public", "greedy", {"greedy.py": ""}, needs="protobuf>=7")
    wheel(folder / "public", "asker", {"asker.py": ""}, needs="tool")
    (folder / "public" / "source-1.0.tar.gz").write_bytes(b"x")
    for name in ("tool", "ours"):
        wheel(folder / "internal", name, {f"{name}.py": "internal = True\n"})
    with served(folder, uploaded="2026-11-24T00:00:00Z", login={"internal": "me:secret-word"}) as found:
        yield found


@pytest.fixture(name="cache", scope="module")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def origins(public: Served, tmp_path: Path, **more: object) -> Origins:
    """The public index as the machine's own."""
    environ = {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": public.address("public"),
        "XDG_CONFIG_HOME": str(tmp_path),
        "UV_HTTP_RETRIES": "0",
    }
    return Origins(environ=environ, **more)  # type: ignore[arg-type]


def asked(*theirs: str, **more: object) -> Asked:
    """Requirements as a requirements.in has them."""
    return Asked(tuple(map(Requirement, theirs)), "requirements.in", **more)  # type: ignore[arg-type]


def versions(lock: bytes, name: str) -> set[str]:
    """The versions of `name` in a lock."""
    return set(pins_of(lock)[name][0])


def test_a_lock_holds_what_is_asked_for_and_what_our_jails_need(indexes: Served, cache: Path, tmp_path: Path) -> None:
    """Exact versions with hashes; no address; who asks for what in remarks; earlier pins stay until upgraded."""
    places = origins(indexes, tmp_path)
    lock = resolve(asked("tool<7"), cache, places, print)
    assert set(pins_of(lock)) == {"tool", *(Requirement(each).name for each in wanted.OURS)}
    assert (versions(lock, "tool"), versions(lock, "protobuf")) == ({"6.0"}, {"6.0"})
    assert b"://" not in lock
    assert b"# via -r requirements.in" in lock
    assert versions(resolve(asked("tool", previous=lock), cache, places, print), "tool") == {"6.0"}
    upgraded = resolve(asked("tool", previous=lock, upgrade_packages=("tool",)), cache, places, print)
    assert versions(upgraded, "tool") == {"7.0"}


def test_converters_come_with_the_libraries_that_need_them() -> None:
    """With torch and keras comes onnxscript, with the boosters nothing; the list is that of requirements/project.in."""
    assert "onnxscript" in wanted.ours([Requirement("Torch>=2")])
    assert "onnxscript" in wanted.ours([Requirement("keras")])
    assert wanted.ours([Requirement("xgboost"), Requirement("lightgbm")]) == wanted.OURS
    lines = (ROOT / "requirements/project.in").read_text().splitlines()
    assert sorted(line for line in lines if line and not line.startswith("#")) == list(wanted.OURS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("protobuf>=7", "protobuf: you ask for >=7, Lockgate's converters need <7"),
        ("protobuf==7.1", "protobuf: you ask for ==7.1"),
        ("protobuf>7,<8", "protobuf: you ask for"),
        ("protobuf~=7.0", "protobuf: you ask for"),
    ],
)
def test_a_conflict_with_our_converters_is_told_without_an_index(line: str, said: str) -> None:
    """In plain words, before anything is fetched."""
    with pytest.raises(Refused) as raised:
        resolve(asked(line), Path("/nowhere"), Origins(), print)
    assert raised.value.finding == "LG350"
    assert said in raised.value.message


@pytest.mark.parametrize(
    "line", ["protobuf", "protobuf>=6", "protobuf==6.33.1", "protobuf!=6.1", "protobuf<7", "protobuf~=6.0"]
)
def test_bounds_that_can_meet_are_no_conflict(line: str) -> None:
    """Positive control."""
    assert wanted.clashes([Requirement(line)], wanted.OURS) == []


def test_a_conflict_deep_inside_is_explained(indexes: Served, cache: Path, tmp_path: Path) -> None:
    """A package that needs what our converters cannot take: LG350 with the reason, and what Lockgate needs."""
    with pytest.raises(Refused) as raised:
        resolve(asked("greedy"), cache, origins(indexes, tmp_path), print)
    assert raised.value.finding == "LG350"
    assert "greedy" in str(raised.value.seen["why"])
    assert raised.value.seen["lockgate_needs"] == ["protobuf<7"]


def test_what_cannot_be_locked_is_told_apart(indexes: Served, cache: Path, tmp_path: Path) -> None:
    """No wheel: LG344 with the command that builds one; no such package: LG350; no index: LG347."""
    with pytest.raises(Refused) as raised:
        resolve(asked("source"), cache, origins(indexes, tmp_path), print)
    assert (raised.value.finding, "--build source" in raised.value.next) == ("LG344", True)
    with pytest.raises(Refused) as raised:
        resolve(asked("nobody"), cache, origins(indexes, tmp_path), print)
    assert raised.value.finding == "LG350"
    gone = origins(indexes, tmp_path)
    with pytest.raises(Unavailable) as away:
        resolve(
            asked("tool"), tmp_path, Origins(environ={**gone.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/s"}), print
        )
    assert away.value.finding == "LG347"


def test_an_assigned_package_comes_from_its_index(indexes: Served, cache: Path, tmp_path: Path) -> None:
    """The public index has higher versions of `tool`, and is not asked for it; the login is in no file."""
    indexes.asked.clear()
    internal = {"internal": indexes.address("internal", "me:secret-word@")}
    places = origins(indexes, tmp_path, indexes=internal, packages={"tool": "internal", "ours": "internal"})
    lock = resolve(asked("tool", "ours"), cache, places, print)
    assert versions(lock, "tool") == {"1.0"}
    assert [
        path for path, _ in indexes.asked if path.startswith("/public") and ("tool" in path or "ours" in path)
    ] == []
    assert b"secret-word" not in lock
    assert b"/in/" not in lock
    assert b"# via -r requirements.in" in lock
    assert [file for file in cache.rglob("*") if file.is_file() and b"secret-word" in file.read_bytes()] == []


def test_an_assigned_package_that_another_brings_from_elsewhere_is_refused(
    indexes: Served, cache: Path, tmp_path: Path
) -> None:
    """An index is given by uv to direct requirements only: what slips by is seen in the result."""
    internal = {"internal": indexes.address("internal", "me:secret-word@")}
    places = origins(indexes, tmp_path, indexes=internal, packages={"tool": "internal"})
    with pytest.raises(Refused) as raised:
        resolve(asked("asker"), cache, places, print)
    assert (raised.value.finding, raised.value.seen["package"]) == ("LG350", "tool")


def test_young_versions_are_not_locked(indexes: Served, cache: Path, tmp_path: Path) -> None:
    """All files are 36 hours old: nothing can be locked for three days, everything for one."""
    now = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    with pytest.raises(LockgateError) as raised:
        resolve(asked("tool"), cache, origins(indexes, tmp_path, min_age=3 * 86400, now=lambda: now), print)
    assert raised.value.finding == "LG350"
    assert "tool" in pins_of(
        resolve(asked("tool"), cache, origins(indexes, tmp_path, min_age=86400, now=lambda: now), print)
    )


def test_an_index_that_tells_no_dates(indexes: Served, cache: Path, tmp_path: Path) -> None:
    """`min_age` cannot be judged there: it is said, and does not make every version one that is too young."""
    said: list[str] = []
    with served(indexes.folder) as silent:
        made = resolve(asked("tool"), cache, origins(silent, tmp_path, min_age=86400), said.append)
    assert "tool" in pins_of(made)
    assert said == ["the index does not say when files came to it: min_age could not be judged"]


@pytest.mark.parametrize(
    "line",
    [
        "-r other.txt",
        "--index-url https://index.example",
        "-e .",
        "numpy @ https://index.example/n.whl",
        "./x.whl",
        f"numpy; {'(' * 3000}os_name == 'x'{')' * 3000}",
    ],
)
def test_options_and_addresses_are_no_requirements(line: str) -> None:
    """LG351 with file and line."""
    with pytest.raises(Usage) as raised:
        wanted.read_requirements(f"# why\nnumpy>=2  # here\n{line}\n", "requirements.in")
    assert raised.value.finding == "LG351"
    assert raised.value.message.startswith("requirements.in:3: ")


def test_a_requirement_of_two_lines_is_none() -> None:
    """The text of a marker may be anything, and its second line would be an option to uv: LG351."""
    text = "[project]\ndependencies = [\"numpy; os_name == 'posix{}'\"]\n"
    assert [str(each.name) for each in wanted.read_pyproject(text.format(""), "pyproject.toml")] == ["numpy"]
    for end in ("\\n", "\\r", "\\u2028"):
        with pytest.raises(Usage) as raised:
            wanted.read_pyproject(text.format(f"{end}--index-url https://index.example #"), "pyproject.toml")
        assert (raised.value.finding, raised.value.seen["line"]) == ("LG351", 2)


@pytest.mark.parametrize("text", ["", "[project]\n", "[project]\ndependencies = 3\n", "not toml", "project = 1\n"])
def test_a_pyproject_without_dependencies_is_named(text: str) -> None:
    """LG351, never a traceback."""
    with pytest.raises(Usage) as raised:
        wanted.read_pyproject(text, "pyproject.toml")
    assert raised.value.finding == "LG351"


CONFIG = """[project]
name = "x"
[data]
sources = ["a.csv"]
contract = "contract.py:A"
label = "y"
"""


def test_the_command_writes_checks_and_refuses(
    indexes: Served, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Written once, as it should be afterwards, and refused by --check once the requirements say something else."""
    for name, value in {**origins(indexes, tmp_path).environ, "XDG_CACHE_HOME": str(cache)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    (tmp_path / "lockgate.toml").write_text(CONFIG)
    where = ["--project", str(tmp_path), "--json"]
    assert run(["lock", *where]) == 2
    assert json.loads(capsys.readouterr().out)["finding"] == "LG351"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["tool<7"]\n')
    assert run(["lock", "--check", *where]) == 1
    assert json.loads(capsys.readouterr().out)["finding"] == "LG357"
    assert not (tmp_path / "requirements.lock").exists()
    assert run(["lock", *where]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["schema"], said["written"], said["packages"]) == ("lockgate.lock/v1", True, 10)
    assert {"package": "tool", "before": "", "after": "6.0"} in said["changes"]
    assert run(["lock", "--check", *where]) == 0
    (tmp_path / "requirements.in").write_text("tool>=7\n")
    before = (tmp_path / "requirements.lock").read_bytes()
    assert run(["lock", "--check", *where]) == 1
    assert (tmp_path / "requirements.lock").read_bytes() == before
    (tmp_path / "lockgate.toml").write_text(CONFIG + '[train]\nlock = "uv.lock"\n')
    (tmp_path / "uv.lock").write_text("version = 1\n")
    assert run(["lock", *where]) == 2
