"""What a gateway lets go: answers, when nobody vouches for its log; a model, that must not be used any more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockgate.serve.shelf import Shelf
from lockgate.serve.spec import ServePolicy
from lockgate.serve.staleness import Staleness
from tests.attacks.test_serve_withdrawn import Loading, loadable, offer, waiting_gateway


@pytest.mark.parametrize(("stale", "expected"), [("stop", ["LG649"]), ("alarm", [])])
def test_a_log_that_nobody_vouches_for_stops_answers_or_alarms(
    monkeypatch: pytest.MonkeyPatch, stale: str, expected: list[str]
) -> None:
    """A folder that stands still may hide a revocation: past the policy's time nothing is answered, or it is told;
    vouched for again, it is answered again.
    """

    async def scene() -> None:
        opened: list[Any] = []
        closed: list[str] = []
        told: list[tuple[str, str]] = []
        now = [0.0]
        made = waiting_gateway(monkeypatch, opened)
        made._staleness = Staleness(lambda: now[0])
        made._library.size = 7
        made._tell = cast("Any", lambda what, **fields: told.append((what, str(fields.get("finding", "")))))  # type: ignore[method-assign]

        def close(declined: Any) -> None:
            closed.append(declined.finding)
            made.service.served = None

        made.service.close = close  # type: ignore[assignment, method-assign]
        found = loadable("a")
        found.policy = ServePolicy(max_staleness=60.0, stale=cast("Any", stale))
        made._settle(Shelf(found))
        for kind in ("contract", "model"):
            offer(made, kind, [])
        await asyncio.sleep(0.01)
        assert len(opened) == 1
        now[0] = 59.0
        made._judge_staleness()
        assert closed == []
        now[0] = 61.0
        for _ in range(3):
            made._judge_staleness()
            made._switch()
        assert set(closed) == set(expected)
        assert len(opened) == 1, "nothing opens while it is stale"
        assert told.count(("alarm", "LG650")) == (0 if expected else 1)
        made._staleness.told(7, 7)
        made._judge_staleness()
        assert made.service.served is not None
        assert len(opened) == (2 if expected else 1)

    asyncio.run(scene())


@pytest.mark.parametrize(("fallen", "expected"), [(True, ["leave", "close"]), (False, ["leave"])])
def test_what_a_fallen_model_has_in_hand_it_answers_no_more(
    monkeypatch: pytest.MonkeyPatch, fallen: bool, expected: list[str]
) -> None:
    """Withdrawn, it answers what its worker has; revoked, not even that: it is asked of what is live."""

    async def scene() -> list[str]:
        done: list[str] = []
        made = waiting_gateway(monkeypatch, [])
        made._library = cast("Any", SimpleNamespace(fallen=lambda _one: fallen))
        gone = Loading(loadable("b"), ready=True)
        gone.leave = lambda: done.append("leave")  # type: ignore[method-assign]
        gone.close = lambda: done.append("close")  # type: ignore[method-assign]
        made._versions[cast("Any", "b")] = cast("Any", gone)
        made._settle(Shelf(loadable("a")))
        return done

    assert asyncio.run(scene()) == expected
