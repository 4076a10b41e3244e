"""What is asked at every step of the supervisor can end the service, in order."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lockgate.errors import Unavailable
from lockgate.serve import run as stage
from lockgate.supervise import run


def test_what_is_asked_at_each_step_ends_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror whose registry is silent for too long: the house is stopped before the refusal goes out."""
    did: list[str] = []

    class House:
        def __init__(self, *_: Any, **__: Any) -> None:
            did.append("up")

        def step(self, _: float) -> None:
            did.append("step")

        def stop(self, _: Any) -> None:
            did.append("stopped")

    def each() -> None:
        if did.count("step") == 2:
            raise Unavailable("LG898", "silent for too long")

    monkeypatch.setattr(run, "House", House)
    monkeypatch.setattr(stage, "run", lambda *_: None)
    monkeypatch.setattr(run, "_household", lambda *_: None)
    monkeypatch.setattr(run, "_guarded", lambda *_, **__: None)
    place: Any = SimpleNamespace(home=tmp_path, say=print)
    sealing: Any = object()

    with pytest.raises(Unavailable) as refused:
        run.serve(place, port=0, sealing=sealing, each=each)

    assert refused.value.finding == "LG898"
    assert did == ["up", "step", "step", "stopped"]
