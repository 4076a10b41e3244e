"""Who belongs to a jail whose runtime has processes of its own, and that all of them end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from lockgate.sandbox._descendants import Held, OfDescendants, bearing
from lockgate.sandbox._gvisor.population import OfSandbox
from tests.support import launchers

TOKEN = f"lockgate-test-{os.getpid()}"


@pytest.fixture(name="tree")
def _tree() -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A shell with a child that has a child; the numbers of the three."""
    inner = "sleep 60 & echo $!; wait"
    outer = f"sh -c '{inner}' {TOKEN} & echo $!; wait"
    with subprocess.Popen(["sh", "-c", outer], stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        below = sorted(int(shell.stdout.readline()) for _ in range(2))
        yield shell, [shell.pid, *below]
        shell.kill()
        Held(map(str, below)).end()


def test_children_of_children_are_found_and_told_from_the_runtimes(
    tree: tuple[subprocess.Popen[bytes], list[int]],
) -> None:
    """What descends from the kernel of the sandbox is the jail's; this test's own process is neither."""
    _, numbers = tree
    first, kernel, inside = (str(number) for number in numbers)
    population = OfDescendants(numbers[0], numbers[1])
    try:
        assert {first, kernel, inside} == set(population.pids())
        assert {first, kernel} == set(population.runtime())
        assert str(os.getpid()) not in population.pids()
    finally:
        population.close()


def test_all_of_them_end(tree: tuple[subprocess.Popen[bytes], list[int]]) -> None:
    """Killed one by one, then waited for; a second call is nothing."""
    shell, numbers = tree
    population = OfDescendants(numbers[0])
    held = Held(population.pids())
    population.kill()
    held.end()
    held.end()
    shell.wait()
    assert not any(launchers.alive(str(number)) for number in numbers)
    population.close()
    population.close()


def test_an_orphan_is_found_by_what_it_was_started_with(tree: tuple[subprocess.Popen[bytes], list[int]]) -> None:
    """Its parent is gone, its command line is not."""
    shell, numbers = tree
    shell.kill()
    shell.wait()
    assert str(numbers[1]) in bearing(TOKEN)
    Held(bearing(TOKEN)).end()
    assert bearing(TOKEN) == []
    assert str(os.getpid()) not in bearing(TOKEN)


def test_a_sandbox_whose_memory_cannot_be_counted_is_not_watched(
    tree: tuple[subprocess.Popen[bytes], list[int]],
) -> None:
    """Fail closed: without the memory file there is no population, so the target is not let go."""
    _, numbers = tree
    with pytest.raises(FileNotFoundError):
        OfSandbox(numbers[0], numbers[1], 1 << 30)
