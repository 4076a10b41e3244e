"""What was pushed, read by tools that know no Lockgate: skopeo carries it over an air gap, oras unpacks it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.audit.ledger import EVENTS, origin
from lockgate.audit.log import Log
from lockgate.project import Project
from lockgate.project.carry.pulling import Asked, pull_to_mirror
from tests.support.carried import Carried, at_home, shared
from tests.support.registry import DockerRegistry, docker_registry, needs_registry

pytestmark = [pytest.mark.nightly, needs_registry]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Carried:
    """A project with a model that is live."""
    return shared(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def registry(made: Carried, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """A registry into which it was pushed."""
    with docker_registry(tmp_path_factory.mktemp("outside")) as found:
        with pytest.MonkeyPatch.context() as patch:
            at_home(made, patch)
            Project(made.project.root).push("flights@2", f"{found.host}/team/flights")
        yield found


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_two_tags_on_a_stick_are_the_whole_of_it(
    made: Carried, registry: DockerRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`skopeo copy` of the model's tag and of `log`, to a folder and into another registry: the pull there verifies."""

    def copy(source: str, target: str) -> None:
        words = ["skopeo", "copy", "-q", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"]
        subprocess.run([*words, source, target], check=True, capture_output=True)

    with docker_registry(tmp_path / "inside") as inside:
        for tag in ("v2", "log"):
            copy(f"docker://{registry.host}/team/flights:{tag}", f"oci:{tmp_path}/stick:{tag}")
            copy(f"oci:{tmp_path}/stick:{tag}", f"docker://{inside.host}/team/flights:{tag}")
        for name in ("CONFIG", "STATE", "DATA"):
            monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))

        done = pull_to_mirror(Asked.of(f"{inside.host}/team/flights:v2", made.root, lambda: datetime.now(UTC)))

    assert [model.ref for model in Project(done.folder).verify_everything().models] == ["flights@2"]


def test_oras_unpacks_a_log_of_tiles(made: Carried, registry: DockerRegistry, tmp_path: Path) -> None:
    """The layers of `log` are titled by their paths: unpacked, they are a C2SP tlog-tiles folder that verifies."""
    from oras.client import OrasClient  # type: ignore[import-untyped]

    client = OrasClient(hostname=registry.host, insecure=True)
    written = client.pull(target=f"{registry.host}/team/flights:log", outdir=str(tmp_path))

    ledger = made.project.open_ledger()
    found = Log.open(tmp_path, public_key=ledger.roles.sealer_key(), origin=origin(made.root, EVENTS))
    assert found.size == ledger.checkpoint.size
    assert len(list(found.entries(0, found.size))) == ledger.checkpoint.size
    assert len([name for name in written if "/statements/" in name]) == ledger.checkpoint.size
