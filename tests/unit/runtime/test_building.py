"""`lockgate lock --build`: a pinned source becomes a wheel, without network, by pinned tools; the lock has its hash."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.cli.main import run
from lockgate.core.digest import digest_of, hex_of
from lockgate.errors import Usage
from lockgate.project import Project
from lockgate.runtime.lock import pins_of
from lockgate.runtime.locked import built
from lockgate.runtime.locked.built import Built
from tests.support.wheels import Served, served, wheel

CONFIG = """[project]
name = "x"
[data]
sources = ["a.csv"]
contract = "contract.py:A"
label = "y"
"""

BACKEND = '''
import os, socket, zipfile


def build_wheel(folder, config_settings=None, metadata_directory=None):
    """Also says what the build could reach."""
    try:
        socket.create_connection(("127.0.0.1", int(open("port.txt").read())), timeout=2)
        reached = "network"
    except OSError:
        reached = "nothing"
    info = "source-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(folder, "source-1.0-py3-none-any.whl"), "w") as archive:
        for name, text in {
            "source.py": f"reached = {reached!r}\\n",
            f"{info}/METADATA": "Metadata-Version: 2.1\\nName: source\\nVersion: 1.0\\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
            f"{info}/RECORD": "",
        }.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return "source-1.0-py3-none-any.whl"
'''
PROJECT = '[build-system]\nrequires = ["minibuild"]\nbuild-backend = "minibuild"\n'


def source(folder: Path, files: dict[str, str]) -> bytes:
    """A source distribution of `source` 1.0."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, text in {"PKG-INFO": "Metadata-Version: 2.1\nName: source\nVersion: 1.0\n", **files}.items():
            member = tarfile.TarInfo(f"source-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    (folder / "source-1.0.tar.gz").write_bytes(made.getvalue())
    return made.getvalue()


@pytest.fixture(name="index")
def _index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    folder = tmp_path / "served" / "public"
    for name in ("numpy", "onnx", "onnxruntime", "pandas", "pyarrow", "pydantic", "scikit_learn", "skl2onnx"):
        wheel(folder, name, {f"{name}.py": ""})
    wheel(folder, "protobuf", {"protobuf.py": ""}, version="6.0")
    wheel(folder, "minibuild", {"minibuild.py": BACKEND})
    with served(tmp_path / "served") as found:
        source(folder, {"pyproject.toml": PROJECT, "port.txt": str(found.port)})
        environ = {
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_INDEX_URL": found.address("public"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "UV_HTTP_RETRIES": "0",
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
            monkeypatch.delenv(name, raising=False)
        yield found


def test_a_source_becomes_a_wheel_that_the_lock_pins(
    index: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wheel made without network, its hash in the lock, source and tools in built-wheels.toml; locking again rebuilds
    what is lost, and refuses another outcome of the build, and a source that was replaced.
    """
    (tmp_path / "lockgate.toml").write_text(CONFIG)
    (tmp_path / "requirements.in").write_text("source==1.0\n")
    where = ["--project", str(tmp_path), "--json"]
    made = Project.open(tmp_path).lock(build=("source",))
    entry = built.read((tmp_path / built.FILENAME).read_text())[0]
    tarball = (index.folder / "public/source-1.0.tar.gz").read_bytes()
    assert (entry.name, entry.sdist) == ("source", digest_of(tarball))
    assert [tool.partition(" ")[0] for tool in entry.tools] == ["minibuild==1.0"]
    assert hex_of(entry.wheel) in pins_of((tmp_path / "requirements.lock").read_bytes())["source"][1]
    wheels = tmp_path / "cache/lockgate/wheels"
    stored = wheels / hex_of(entry.wheel) / "source-1.0-py3-none-any.whl"
    assert b"reached = 'nothing'" in stored.read_bytes()

    stored.unlink()
    again = Project.open(tmp_path).lock(check=True)
    assert (again.digest, stored.is_file()) == (made.digest, True)

    stored.unlink()
    record = (tmp_path / built.FILENAME).read_text()
    (tmp_path / built.FILENAME).write_text(record.replace(entry.wheel, digest_of(b"other")))
    assert run(["lock", *where]) == 1
    assert json.loads(capsys.readouterr().out)["finding"] == "LG355"
    source(index.folder / "public", {"pyproject.toml": PROJECT, "port.txt": "1"})
    assert run(["lock", *where]) == 1
    assert json.loads(capsys.readouterr().out)["finding"] == "LG343"


def test_what_is_not_pinned_or_does_not_build_is_refused(
    index: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No version: LG355 with the line to write. A build that fails: LG355 with what it said, and no record of it."""
    (tmp_path / "lockgate.toml").write_text(CONFIG)
    (tmp_path / "requirements.in").write_text("source\n")
    where = ["--project", str(tmp_path), "--json", "--build", "source"]
    assert run(["lock", *where]) == 2
    assert "source==VERSION" in json.loads(capsys.readouterr().out)["next"]
    (tmp_path / "requirements.in").write_text("source==1.0\n")
    source(index.folder / "public", {"pyproject.toml": PROJECT.replace('= "minibuild"', '= "nobody"')})
    assert run(["lock", *where]) == 1
    assert json.loads(capsys.readouterr().out)["finding"] == "LG355"
    assert not (tmp_path / built.FILENAME).exists()


def test_a_source_gives_uv_no_option(index: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it needs to be built is a list of packages: a second line or an address in it is LG355, and not asked."""
    (tmp_path / "lockgate.toml").write_text(CONFIG)
    (tmp_path / "requirements.in").write_text("source==1.0\n")
    evil = index.address("evil")
    for needs in (f"minibuild; os_name == 'posix\\n--index-url {evil}\\n#'", f"minibuild @ {evil}/minibuild.whl"):
        source(index.folder / "public", {"pyproject.toml": PROJECT.replace('["minibuild"]', f'["{needs}"]')})
        assert run(["lock", "--project", str(tmp_path), "--json", "--build", "source"]) == 1
        assert json.loads(capsys.readouterr().out)["finding"] == "LG355"
    assert [path for path, _ in index.asked if path.startswith("/evil")] == []


def test_the_record_has_one_spelling() -> None:
    """Sorted, read back to the same values; what is out of form is refused by line."""
    one = Built("b", "1.0", digest_of(b"s"), digest_of(b"w"), (f"tool==1 {digest_of(b't')}",))
    other = Built("a", "2.0", digest_of(b"x"), digest_of(b"y"), ())
    text = built.write([one, other])
    assert built.read(text) == (other, one)
    assert built.write(built.read(text)) == text
    assert one.tools_lock() == f"tool==1 --hash={digest_of(b't')}\n".encode()
    with pytest.raises(Usage) as raised:
        built.read(text.replace("sha256:", "md5:", 1))
    assert raised.value.finding == "LG355"
