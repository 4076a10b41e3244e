"""kill -9 at every changing call of approve, revoke and register: nothing lost, nothing half, the next run repairs.

Each time another twentieth of the steps, all of them in `make nightly`. What the steps are: `tests/support/killing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lockgate.errors import LockgateError
from tests.support.killable import OPERATIONS, Killable, State, share
from tests.support.killing import kill_at


@dataclass
class Bench:
    """The project, and for each operation how many steps it takes and where it ends undisturbed."""

    killable: Killable
    known: dict[str, tuple[int, State]] = field(default_factory=dict)

    def undisturbed(self, operation: str) -> tuple[int, State]:
        """Counted once."""
        if operation not in self.known:
            self.killable.put_back()
            steps = kill_at(0, lambda: OPERATIONS[operation](self.killable.project)).steps
            self.known[operation] = steps, self.killable.whole()
        return self.known[operation]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Made once, put back before each kill."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", "/set-below")
        yield Bench(Killable(tmp_path_factory.mktemp("killed")))


def _survives(bench: Bench, operation: str, step: int, *, repaired_first: bool) -> None:
    killable, work = bench.killable, OPERATIONS[operation]
    _, end = bench.undisturbed(operation)
    killable.put_back()
    assert kill_at(step, lambda: work(killable.project)).killed
    killable.check_after_kill()
    if repaired_first:
        killable.repair()
    work(killable.later)
    assert end == killable.whole()


def _all_survive(bench: Bench, operation: str, steps: list[int], *, repaired_first: bool) -> None:
    failed = {}
    for step in steps:
        try:
            _survives(bench, operation, step, repaired_first=repaired_first)
        except (AssertionError, LockgateError) as error:
            failed[step] = repr(error)
    assert not failed


@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_some_steps(bench: Bench, operation: str) -> None:
    """Never worse than untidy; repeated, it ends as an undisturbed run: same models, one statement, no file more."""
    steps, _ = bench.undisturbed(operation)
    assert steps > 20
    _all_survive(bench, operation, share(steps), repaired_first=False)


@pytest.mark.nightly
@pytest.mark.parametrize("repaired_first", [False, True])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_every_step(bench: Bench, operation: str, repaired_first: bool) -> None:
    """As above, at all of them; also when another command comes first, whose repair alone makes it whole."""
    steps, _ = bench.undisturbed(operation)
    _all_survive(bench, operation, list(range(1, steps + 1)), repaired_first=repaired_first)
