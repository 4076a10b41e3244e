"""What holds for every test: nobody's real keys are touched, and property tests do not race the clock."""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.support.shell import Ready

# Two workers with two threads each spin while they wait for one another: eight times the CPU of one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent
UNIT = HERE / "unit"
MEMORY, ROOM = Path("/dev/shm"), 8 << 30

settings.register_profile("default", deadline=None, max_examples=50)  # of each run; there are many runs
settings.register_profile("often", deadline=None, max_examples=200)
settings.register_profile("nightly", deadline=None, max_examples=1000)
settings.load_profile("default")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """What tests write lies in memory, where there is much of it: syncs cost a third of the time and guard nothing.

    `--basetemp` names another place.
    """
    if config.option.basetemp is None and not hasattr(config, "workerinput") and _is_roomy(MEMORY):
        config.option.basetemp = str(MEMORY / f"lockgate-tests-{os.getpid()}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Memory is given back."""
    if config.option.basetemp == str(MEMORY / f"lockgate-tests-{os.getpid()}"):
        shutil.rmtree(config.option.basetemp, ignore_errors=True)


def _is_roomy(place: Path) -> bool:
    if not os.access(place, os.W_OK):
        return False
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(shutil.disk_usage(place).free, free) >= ROOM


def pytest_sessionstart(session: pytest.Session) -> None:
    """Each of several workers loads a share of all files first: the others then find the asserts in them rewritten.

    What fails to load, or is skipped, is told when it is collected. Nothing of it is garbage: none is looked for until
    all is loaded, which saves a quarter of the time.
    """
    gc.disable()
    own = getattr(session.config, "workerinput", None)
    if own is None or sys.dont_write_bytecode or session.config.args != session.config.getini("testpaths"):
        return
    files = sorted(HERE.rglob("test_*.py"))
    for path in files[int(own["workerid"].removeprefix("gw")) :: own["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(path.relative_to(HERE.parent).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """What is loaded stays to the end: it is not looked at again whenever garbage is looked for."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start real processes come first: one of them at the end would keep a worker while the others idle.

    Of these, what needs the project that all share comes later: nobody waits while it is made.
    """
    sharing = {item.path for item in items if "ready" in getattr(item, "fixturenames", ())}
    unit = {item.path for item in items if item.path.is_relative_to(UNIT)}
    items.sort(key=lambda item: (item.path in unit, item.path in sharing - unit))


@pytest.fixture(scope="session", autouse=True)
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keys, pins and seen checkpoints of this session go to a folder of its own, in child processes too."""
    place = tmp_path_factory.mktemp("homes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        patch.setenv("XDG_STATE_HOME", str(place / "state"))
        yield place


@pytest.fixture(scope="session", name="session_folder")
def _session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all workers of this session have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def _ready_ahead(request: pytest.FixtureRequest, session_folder: Path) -> Iterator[None]:
    """When any test wants `ready`: the first of several workers has it made as soon as it starts."""
    if not any("ready" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield
        return
    from tests.support.shell import shared

    with shared(session_folder, ahead=os.environ.get("PYTEST_XDIST_WORKER") == "gw0"):
        yield


@pytest.fixture(scope="session")
def ready(session_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Ready:
    """The phishing example, run and deployed by the real command line: this worker's copy of the session's one run."""
    from tests.support.shell import ready_in

    return ready_in(session_folder).copy(tmp_path_factory.mktemp("copied"))


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder that no jail has for its own: `tmp_path` may be below /dev/shm."""
    with tempfile.TemporaryDirectory() as place:
        yield Path(place)
