"""`status` and models of whom nobody sees who attacks them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lockgate.errors import VerificationFailed
from lockgate.monitor import making
from lockgate.monitor.abuse import population
from lockgate.monitor.plan import parse_plan
from lockgate.project import Project, unseen
from lockgate.runtime import serving
from lockgate.trust import pin
from tests.support.serving import ServableProject, servable_project
from tests.support.suspected_house import TOML


def _plan(*, with_population: bool) -> Any:
    columns = {name: np.random.default_rng(3).normal(size=600) for name in ("a", "b", "c", "d")}
    kinds = dict.fromkeys(columns, "float")
    made = making.make(columns, kinds, seed=5)
    found = population.make(columns, kinds, seed=5) if with_population else None
    return parse_plan(replace(made, population=found).encode())


@pytest.fixture(name="live")
def _live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServableProject:
    """With a model that is live."""
    project = servable_project(tmp_path, monkeypatch)
    project.make_live(monkeypatch)
    (project.root / "lockgate.toml").write_text(TOML)
    pin.pin(project.created.project_id, project.root, project.clock())
    return project


def test_a_live_model_without_a_population_is_named(live: ServableProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what mends it; one that has a population is not, and one whose plan cannot be read is `verify`'s."""
    project = Project(live.root, now=live.clock)
    (line,) = project.status().unseen
    assert line.startswith("abuse of flights@1 is not looked at: it was registered without a population ")
    assert line.endswith("lockgate run && lockgate deploy flights")
    monkeypatch.setattr(unseen, "planned", lambda _one: ("monitor.json",))
    spec = SimpleNamespace(fields=[SimpleNamespace(name=name) for name in "abcd"])
    monkeypatch.setattr(serving, "parse", lambda _data: spec)
    for found, lines in ((_plan(with_population=False), 1), (_plan(with_population=True), 0)):
        monkeypatch.setattr(unseen, "plans_of", lambda _one, _blobs, found=found: (found,))
        assert lines == len(project.status().unseen)
    spec.fields.pop()
    assert [line for line in project.status().unseen if "made-up rows are not seen   lockgate explain" in line]
    del spec.fields[1:]
    assert project.status().unseen == (
        "abuse of flights@1 is not looked at: the model is given too few fields   lockgate explain LG6106",
    )

    def broken(*_: object) -> None:
        raise VerificationFailed("LG774", "no plan")

    monkeypatch.setattr(unseen, "plans_of", broken)
    assert project.status().unseen == ()
