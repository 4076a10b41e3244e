"""kill -9 at every request, and every change on disk, of a push: the remote is never mistaken for whole.

A real registry, each time a repository of its own. Some of the steps each time, all of them in `make nightly`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from lockgate.core.digest import digest_of
from tests.support.killable import share
from tests.support.killing import kill_at
from tests.support.pushable import Pushable
from tests.support.registry import docker_registry, needs_registry

pytestmark = needs_registry
_numbers = count()


@pytest.fixture(scope="module")
def pushable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushable]:
    """Made once; nothing that is pushed changes it."""
    place = tmp_path_factory.mktemp("pushed")
    with pytest.MonkeyPatch.context() as patch, docker_registry(place / "registry") as registry:
        for name in ("CONFIG", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", "/set-below")
        yield Pushable(place, registry)


OLD = {"grown": "flights@1", "empty": "LG897"}
"""What a pull gets before a push is complete: the model that was live, or: no push into it was completed."""


def _steps(pushable: Pushable, kind: str) -> int:
    remote = pushable.repository(f"counted-{kind}-{next(_numbers)}", empty=kind == "empty")
    return kill_at(0, lambda: pushable.push(remote)).steps


def _survives(pushable: Pushable, kind: str, step: int) -> str:
    """Which state the kill left."""
    remote = pushable.repository(f"{kind}-{step}-{next(_numbers)}", empty=kind == "empty")
    log = pushable.made.home / "log/events/checkpoint"
    before = digest_of(log.read_bytes())
    assert kill_at(step, lambda: pushable.push(remote)).killed
    found = pushable.seen_by_a_pull(remote)
    assert found in {OLD[kind], "flights@2"}
    assert pushable.seen_by_a_pull(f"{remote}:v2") in ({"flights@2"} if found == "flights@2" else {"LG883", "LG897"})
    pushable.push(remote)
    done = pushable.pull(remote)
    assert ("flights@2", pushable.entries) == (done.ref, done.entries)
    assert before == digest_of(log.read_bytes())
    assert not pushable.leftovers()
    return found


def test_a_push_killed_at_some_steps(pushable: Pushable) -> None:
    """A pull gets the state before or the new one whole, both verified; the next push completes."""
    steps = _steps(pushable, "grown")
    assert steps > 40
    for step in share(steps, 2):
        _survives(pushable, "grown", step)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", OLD)
def test_a_push_killed_at_every_step(pushable: Pushable, kind: str) -> None:
    """As above, all of them; and once the new state is there, it stays: the tag `log` comes last."""
    failed, states = {}, []
    for step in range(1, _steps(pushable, kind) + 1):
        try:
            states.append(_survives(pushable, kind, step))
        except Exception as error:  # noqa: BLE001 - all of them are told at the end
            failed[step] = repr(error)
    assert not failed
    assert states == sorted(states, key=lambda state: state == "flights@2")
    assert {OLD[kind], "flights@2"} == set(states)
