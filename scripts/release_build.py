"""Wheel and sdist from one commit, built twice where nothing is the same but the sources.

Promised: both builds gave the same bytes, the wheel made from the sdist is the wheel, and the wheel holds exactly the
commit's files below src/lockgate, the two examples and the verifier, beside its own `.dist-info`. Not promised: that
another version of hatchling gives the same bytes; the provenance names the one that was used.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from scripts.release_source import Source, Stop

PLACED = {
    "src/lockgate/": "lockgate/",
    "examples/flights/": "lockgate/_examples/flights/",
    "examples/phishing/": "lockgate/_examples/phishing/",
    "verifier/lockgate_verify.py": "lockgate/_verifier/lockgate_verify.py",
}
"""Where the wheel has what, as pyproject.toml says: a second telling, so that an edit there is seen here."""

OWN = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
_HATCHLING = re.compile(r"^hatchling==(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Built:
    """The two archives, and the version of hatchling that made them."""

    wheel: bytes
    sdist: bytes
    hatchling: str


@dataclass(frozen=True)
class Place:
    """One of the two surroundings of a build."""

    folder: str
    umask: int
    touch: bool
    zone: str
    locale: str


PLACES = (
    Place("a", 0o022, touch=False, zone="UTC", locale="C"),
    Place("b/deeper/with some space", 0o077, touch=True, zone="Pacific/Kiritimati", locale="C.UTF-8"),
)


def wheel_name(version: str) -> str:
    """`lockgate-1.2.3-py3-none-any.whl`."""
    return f"lockgate-{version}-py3-none-any.whl"


def sdist_name(version: str) -> str:
    """`lockgate-1.2.3.tar.gz`."""
    return f"lockgate-{version}.tar.gz"


def build(source: Source) -> Built:
    """Build twice and compare. Raises Stop: 1 the bytes differ or are not those of the commit, 4 another hatchling."""
    hatchling = locked_hatchling(source)
    with tempfile.TemporaryDirectory(prefix="lockgate-release-") as name:
        scratch = Path(name)
        (wheel, sdist), other = (_built(source, scratch, place) for place in PLACES)
        _same("wheel", wheel, other[0])
        _same("sdist", sdist, other[1])
        _same("sdist's wheel", wheel, wheel_of(sdist, source.version, source.epoch, scratch / "again"))
        source.unpack(scratch / "as committed", umask=0o022, touch=False)
        strange = differs(wheel, scratch / "as committed", source.version)
    if strange:
        raise Stop(1, f"the wheel is not the commit's: {', '.join(strange[:5])}", "git log -- pyproject.toml")
    return Built(wheel, sdist, hatchling)


def _same(what: str, first: bytes, second: bytes) -> None:
    if first != second:
        raise Stop(1, f"the {what} came out with other bytes the second time", "git log -- pyproject.toml")


def locked_hatchling(source: Source) -> str:
    """The version that the commit's lock names and that is installed here. Raises Stop (4) when they are not one."""
    locked = _HATCHLING.search(source.file("requirements/dev.txt").decode())
    installed = importlib.metadata.version("hatchling")
    if locked is None or locked[1] != installed:
        raise Stop(4, f"hatchling {installed} is installed, locked is {locked[1] if locked else 'none'}", "make lint")
    return installed


def wheel_of(sdist: bytes, version: str, epoch: int, scratch: Path) -> bytes:
    """The wheel that the sources in an sdist give. `scratch` is new. Raises Stop (1)."""
    scratch.mkdir()
    subprocess.run(["tar", "-xz", "-C", str(scratch)], input=sdist, check=True)
    return run_hatchling("wheel", scratch / f"lockgate-{version}", epoch, scratch / "out")


def run_hatchling(kind: str, tree: Path, epoch: int, out: Path, place: Place = PLACES[0]) -> bytes:
    """Build one archive of a tree, in a process that inherits nothing of ours but PATH. Raises Stop (1)."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(out), "TZ": place.zone, "LC_ALL": place.locale}
    done = subprocess.run(
        [sys.executable, "-I", "-m", "hatchling", "build", "-t", kind, "-d", str(out)],
        cwd=tree,
        env={**env, "SOURCE_DATE_EPOCH": str(epoch)},
        umask=place.umask,
        capture_output=True,
        text=True,
        check=False,
    )
    found = sorted(out.glob("*.whl" if kind == "wheel" else "*.tar.gz"))
    if done.returncode or len(found) != 1:
        said = (done.stderr or done.stdout).strip()[-300:]
        raise Stop(1, f"hatchling built no {kind}: {said}", "git log -- pyproject.toml")
    return found[0].read_bytes()


def differs(wheel: bytes, tree: Path, version: str) -> list[str]:
    """What the wheel lacks of the commit's tree (-), has beside it (+), and has with other bytes or twice (~)."""
    own = f"lockgate-{version}.dist-info/"
    wanted = {PLACED[start] + name.removeprefix(start): tree / name for start in PLACED for name in _below(tree, start)}
    with zipfile.ZipFile(BytesIO(wheel)) as archive:
        names = archive.namelist()
        there = {name for name in names if name not in {own + one for one in OWN}}
        return [
            *(f"-{name}" for name in sorted(wanted.keys() - there)),
            *(f"-{own}{one}" for one in OWN if own + one not in names),
            *(f"+{name}" for name in sorted(there - wanted.keys())),
            *(f"~{name}" for name, times in sorted(Counter(names).items()) if times > 1),
            *(f"~{name}" for name in sorted(there & wanted.keys()) if archive.read(name) != wanted[name].read_bytes()),
        ]


def _below(tree: Path, start: str) -> list[str]:
    place = tree / start
    found = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    return [path.relative_to(tree).as_posix() for path in found]


def _built(source: Source, scratch: Path, place: Place) -> tuple[bytes, bytes]:
    home = scratch / place.folder
    source.unpack(home / "tree", umask=place.umask, touch=place.touch)
    wheel = run_hatchling("wheel", home / "tree", source.epoch, home / "wheel", place)
    return wheel, run_hatchling("sdist", home / "tree", source.epoch, home / "sdist", place)
