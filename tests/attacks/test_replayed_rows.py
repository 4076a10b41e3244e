"""Threats: rows that say nothing new as evidence for a candidate: seen in training, repeated, or replayed twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit import deployments, joins
from lockgate.audit.ladder.gather import observed_of
from lockgate.audit.log import Log
from lockgate.audit.refs import resolve
from lockgate.core.record_kinds import FileRecord, ObservedRecord, parse_any
from lockgate.errors import LockgateError
from lockgate.pipeline.replaying.asking import Asking
from lockgate.pipeline.replaying.run import replay
from lockgate.pipeline.replaying.spec import Replayed, Wanted
from lockgate.project import Project
from lockgate.supervise.sealing import Sealing
from tests.support.ladder_models import model
from tests.support.ladders import LadderProject, Row, flights, labelled, ladder_project, policy
from tests.support.serving import CODE

SLIGHTLY = 1100.0
"""A limit with which few rows are answered otherwise."""


@pytest.fixture(name="patch", scope="module")
def _patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> LadderProject:
    """flights@1 is live; later versions come and go. What flights@1 was trained on, another held back."""
    project = ladder_project(tmp_path_factory.mktemp("replay"), patch, policy(100, replay=True))
    project.register(patch, model())
    project.move(1)
    return project


def _candidate(project: LadderProject, patch: pytest.MonkeyPatch, made: bytes, **more: Any) -> str:
    """A new version, on the first rung in place of whoever is there; its ref."""
    version = project.register(patch, made, **more).version
    project.move(version, replace=True)
    return f"flights@{version}"


def _replay(project: LadderProject, ref: str, source: Path | None = None) -> Replayed:
    return replay(project.now_place(), Wanted(ref, source))


def _refused(project: LadderProject, ref: str, source: Path | None = None) -> str:
    """The finding; nothing reached the log."""
    before = _entries(project)
    with pytest.raises(LockgateError) as caught:
        _replay(project, ref, source)
    assert _entries(project) == before
    return caught.value.finding


def _log(project: LadderProject) -> Log | None:
    sealing = Sealing.of(project.workplace())
    folder = project.home / "log/predictions"
    if not (folder / "checkpoint").is_file():
        return None
    return Log.open(folder, public_key=sealing.public, origin=sealing.origin)


def _entries(project: LadderProject) -> list[bytes]:
    log = _log(project)
    return [] if log is None else list(log.entries(0, log.size))


def _file(folder: Path, rows: Sequence[Row], *, labels: bool = True) -> Path:
    """As a person would give it."""
    path = folder / "rows.jsonl"
    names = ("distance", "carrier", "late") if labels else ("distance", "carrier")
    path.write_text("".join(json.dumps(dict(zip(names, row, strict=False))) + "\n" for row in rows))
    return path


def test_the_honest_replay_counts_as_pairs_and_labels(project: LadderProject, patch: pytest.MonkeyPatch) -> None:
    """Held-out rows, in both jails: two files with their roots, one observed record, once for each ladder."""
    project.heldout = labelled(flights(20_000, 250))
    ref = _candidate(project, patch, model(SLIGHTLY))
    apart = sum(1000.0 < distance <= SLIGHTLY for distance, _, _ in project.heldout)
    assert apart > 3
    found = _replay(project, ref)
    assert found.counts == {
        "pairs.rows": 250,
        "pairs.disagree": apart,
        "pairs.more.0": apart,
        "pairs.fewer.1": apart,
        "risk.rows": 250,
        "risk.p20": apart,
        "replay.rows": 250,
    }
    live, candidate, observed = (parse_any(entry) for entry in _entries(project)[-3:])
    assert isinstance(live, FileRecord)
    assert isinstance(candidate, FileRecord)
    assert isinstance(observed, ObservedRecord)
    assert (live.rung, candidate.rung, live.rows, candidate.rows) == ("live", "shadow", 250, 250)
    assert (observed.base, observed.model) == (live.model, candidate.model)
    assert observed.counts == found.counts
    assert _on_its_rung(project) == (250, 250)
    report = Project(project.root, now=project.clock).verify_rows(found.folder / "candidate.parquet")
    assert report.state == "sealed"
    # Asked again, or about other rows: a ladder has one replay.
    assert _refused(project, ref) == "LG560"
    assert _refused(project, ref, project.root / "any.csv") == "LG560"


def _on_its_rung(project: LadderProject) -> tuple[int, int]:
    statements = project.open_ledger().statements()
    standing = deployments.standing_of("dev", "flights", statements)
    log = _log(project)
    assert standing is not None
    assert standing.candidate is not None
    assert log is not None
    found = observed_of(log, standing, project.policy.environment("dev").ladder, "binary")
    return found.rung(standing.candidate.sequence)


def test_rows_count_once_and_only_when_new_to_both(
    project: LadderProject, patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file of 40 new rows, each three times, with rows that one of the two was trained on: 40 count."""
    kept, project.training = project.training, labelled(flights(50_000, 60))
    ref = _candidate(project, patch, model())
    own, project.training = project.training, kept
    new = labelled(flights(60_000, 40))
    found = _replay(project, ref, _file(tmp_path, [*new, *kept[:25], *new, *own[:30], *new]))
    assert (found.rows.rows, found.rows.trained, found.rows.repeated) == (175, 55, 80)
    assert (found.counts["pairs.rows"], found.counts["replay.file"], found.unsure) == (40, 40, ())


def test_nothing_but_rows_of_training_is_refused(project: LadderProject, patch: pytest.MonkeyPatch) -> None:
    """What one of them learned is no evidence for either: here all that the candidate held back, live was taught."""
    project.heldout, kept = project.training[:200], project.heldout
    ref = _candidate(project, patch, model())
    project.heldout = kept
    assert _refused(project, ref) == "LG564"


@pytest.mark.nightly  # a quarter of a minute: two environments of their own
def test_rows_of_another_contract_are_judged_by_each_or_refused(
    project: LadderProject, patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Held-out rows were never judged by the live model's; of a file each judges its own, and a refusal is an answer.

    Without labels rows are pairs alone; what live refuses is none; that live may know them is recorded.
    """
    kept, project.training = project.training, labelled(flights(75_000, 20))
    ref = _candidate(project, patch, model(), code=CODE.replace(b"le=20_000", b"le=2_000"))
    project.training = kept
    assert _refused(project, ref) == "LG561"
    rows = flights(80_000, 100)
    beyond = sum(distance > 2000 for distance, _, _ in rows)
    assert beyond > 5
    file = _file(tmp_path, [*rows, (-5.0, "AA", False), (100.0, "ZZ", False)], labels=False)
    with _without(project, "flights@1", "train.parquet"):
        found = _replay(project, ref, file)
    assert found.unsure == ("flights@1",)
    assert found.counts == {
        "pairs.rows": 100,
        "pairs.disagree": beyond,
        "replay.rows": 100,
        "replay.file": 100,
        "replay.unsure": 100,
    }


def test_only_a_candidate_without_traffic_has_a_replay(project: LadderProject, patch: pytest.MonkeyPatch) -> None:
    """Not what is live, nor who answers callers; and of held-out rows only those that are here."""
    ref = _candidate(project, patch, model())
    assert _refused(project, "flights@1") == "LG562"
    with _without(project, ref, "heldout.parquet"):
        assert _refused(project, ref) == "LG564"
    project.move(int(ref.partition("@")[2]), "canary", reason="for this test")
    assert _refused(project, ref) == "LG562"


def test_a_move_made_meanwhile_counts(project: LadderProject, patch: pytest.MonkeyPatch) -> None:
    """Who was moved up, or taken off, while the rows were asked gets no evidence of a rung on which it is no more."""
    ref = _candidate(project, patch, model())

    def ask(*_: object) -> None:
        project.move(int(ref.partition("@")[2]), "canary", reason="for this test")

    with pytest.MonkeyPatch.context() as own:
        own.setattr(Asking, "ask", ask)
        assert _refused(project, ref) == "LG562"


def test_without_the_policys_word_there_is_none(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    """By default traffic is asked for (what a record of a replay counts there: `test_ladder_checks`)."""
    with pytest.MonkeyPatch.context() as own:
        project = ladder_project(tmp_path, own, policy(100))
        for _ in range(2):
            project.move(project.register(own, model()).version)
        assert _refused(project, "flights@2") == "LG563"


@contextmanager
def _without(project: LadderProject, ref: str, name: str) -> Iterator[None]:
    """What a model's train statement calls `name` is not on this machine."""
    statements = project.open_ledger().statements()
    registration = resolve(ref, statements, "dev")
    train = next(one for one in statements if one.digest == registration.inputs["train"])
    path = project.data.path(dict(joins.dependencies(train.statement))[name])
    aside = path.with_name("aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)
