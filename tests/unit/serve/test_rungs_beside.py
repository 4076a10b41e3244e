"""What a gateway does around a ladder: begins, writes, follows labels, and goes on to the next rung without a loss."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockgate.serve.recording.labels import Line, append_lines
from lockgate.serve.rungs import beside
from lockgate.serve.rungs.beside import Comparison
from lockgate.serve.shelf import Beside
from lockgate.trust.policy_ladder import LadderPolicy, Rung
from tests.support.rungs import GATEWAY, TwoModels


class Around:
    """A comparison over two real engines. `step`: the statement that put the candidate where it stands."""

    def __init__(self, folder: Path) -> None:
        self.two = TwoModels()
        settings = SimpleNamespace(gateway=GATEWAY, number=0)
        self.made = Comparison(
            self.two.service, cast("Any", self.two.recorder), cast("Any", settings), key=b"k" * 32, folder=folder
        )

    def begin(self, step: int) -> None:
        """The candidate stands on the rung of this step."""
        rung = Rung("shadow", 0.0)
        contract = SimpleNamespace()
        decision = SimpleNamespace(share=0.0, sequence=step, rung=rung.name)
        loaded = SimpleNamespace(decision=decision, contract=contract, spec=SimpleNamespace(fields=()))
        one = Beside(cast("Any", loaded), cast("Any", loaded), rung, LadderPolicy((rung,)))
        self.made.begin(one, self.two.live, self.two.candidate)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it."""
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - what is waited for is in files and threads
                await asyncio.sleep(0.02)


def run(folder: Path, work: Callable[[Around], Awaitable[None]], seconds: float = 0.02) -> None:
    """In a loop of its own, every step of the ladder's task faster than it is."""

    async def whole() -> None:
        around = Around(folder)
        await around.two.start()
        around.two.service.ladder = None
        around.two.recorder.observed.clear()
        try:
            await work(around)
        finally:
            await around.made.close()
            around.two.close()
            await asyncio.sleep(0.01)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beside, "SECONDS", seconds)
        asyncio.run(whole())


def test_a_label_that_comes_on_the_next_rung_counts_there(tmp_path: Path) -> None:
    """Rows of one rung, labels of the next: what was not handed over at the step up is handed over after it."""

    async def work(around: Around) -> None:
        around.begin(2)
        await around.two.ask(1.0)
        await around.until(lambda: bool(list(tmp_path.glob("rung-*.sqlite"))))
        await around.two.ask(2.0)
        await asyncio.sleep(0.04)  # both have answered, and it is handed over later
        around.begin(3)
        append_lines(tmp_path, [Line(f"{GATEWAY}.{seq}.0", False, "lgr2", 0) for seq in range(2)])
        await around.until(lambda: around.two.recorder.counts.get("risk.rows") == 2)
        observed = around.two.recorder.observed
        assert [step.sequence for step, counts in observed if counts == {"began": 1}] == [2, 3]
        assert {step.sequence for step, counts in observed if "risk.rows" in counts} == {3}

    run(tmp_path, work, seconds=0.2)


def test_beginning_the_same_again_changes_nothing(tmp_path: Path) -> None:
    """A newer policy, or a statement about another model: the ladder goes on as it is."""

    async def work(around: Around) -> None:
        around.begin(2)
        before = around.two.service.ladder
        around.begin(2)
        assert around.two.service.ladder is before
        around.made.end()
        assert around.two.service.ladder is None
        around.begin(2)
        assert around.two.service.ladder is not before

    run(tmp_path, work)


def test_a_turn_that_fails_is_not_the_last(tmp_path: Path) -> None:
    """Whatever goes wrong in one, counting goes on."""

    async def work(around: Around) -> None:
        fails = [True, True]

        def observe(*_: Any) -> bool:
            if fails:
                fails.pop()
                raise ValueError
            return True

        around.begin(2)
        around.two.recorder.observe = observe  # type: ignore[assignment, method-assign]
        ladder = around.made._ladder
        assert ladder is not None
        ladder.observer.add("candidate.errors")
        await around.until(lambda: not fails and not ladder.observer.counts)

    run(tmp_path, work)


def test_what_was_kept_goes_when_there_is_no_candidate_any_more(tmp_path: Path) -> None:
    """Its file is removed; while there is one, it stays."""

    async def work(around: Around) -> None:
        around.begin(2)
        await around.two.ask(1.0)
        await around.until(lambda: bool(list(tmp_path.glob("rung-*.sqlite"))))
        around.made.end()
        await asyncio.sleep(0.05)
        assert list(tmp_path.glob("rung-*.sqlite"))  # noqa: ASYNC240
        around.made.forget()
        await around.until(lambda: not list(tmp_path.glob("rung-*.sqlite")))

    run(tmp_path, work)
