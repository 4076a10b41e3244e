"""audit.ladder.gather: of a real sealed log, exactly the records of one ladder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from lockgate.audit.entries import Deployment
from lockgate.audit.evidence import Evidence
from lockgate.audit.ladder.gather import Following, fits, observed_of
from lockgate.audit.standings import Standing
from lockgate.core.digest import Digest, digest_of
from lockgate.core.record_kinds import UnrecordedRecord
from lockgate.errors import Refused
from lockgate.trust.policy_ladder import LadderPolicy
from tests.support.observing import CANDIDATE, LIVE, observed
from tests.support.sealing import read, write

COUNTS = {"candidate.rows": 10, "candidate.requests": 10}
POLICY = LadderPolicy()


def _move(manifest: Digest, sequence: int, rung: str) -> Deployment:
    return Deployment(
        evidence=cast("Evidence", None), environment="prod", name="flights", version=2, manifest=manifest,
        sequence=sequence, predecessor=None, rung=rung, share=0.0, summary=manifest, floor=0, move="up", reason="",
    )  # fmt: skip


STANDING = Standing(_move(LIVE, 2, "live"), _move(CANDIDATE, 6, "quarter"), _move(CANDIDATE, 4, "shadow"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"step": 4, "rung": "shadow"}, True),
        ({"step": 6, "rung": "quarter"}, True),
        ({"step": 4, "rung": "quarter"}, False),
        ({"step": 6, "rung": "shadow"}, False),
        ({"step": 3}, False),
        ({"step": 7}, False),
        ({"environment": "dev"}, False),
        ({"model": digest_of(b"other")}, False),
        ({"base": digest_of(b"other")}, False),
    ],
)
def test_records_of_the_ladder_fit(change: dict[str, Any], expected: bool) -> None:
    """Another environment, model, base or rung, an earlier ladder, a step to come: none of them."""
    assert expected is fits(observed(COUNTS, **change), STANDING)
    assert fits(observed(COUNTS, **change), Standing(STANDING.live)) is False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three records of the ladder among others."""
    place = tmp_path_factory.mktemp("log")
    write(place, _entries())
    return place


def _entries() -> list[bytes]:
    return [
        observed(COUNTS).encode(),
        b'{"kind":"observed"}',
        UnrecordedRecord("a" * 16, 1, 1, rows=3, since=0).encode(),
        observed(COUNTS, seq=2, base=digest_of(b"other")).encode(),
        observed(COUNTS, seq=3).encode(),
        observed(COUNTS, seq=4).encode(),
    ]


@pytest.mark.parametrize(("until", "expected"), [(None, 30), (6, 30), (5, 20), (1, 10), (0, 0)])
def test_log_up_to_a_size(folder: Path, until: int | None, expected: int) -> None:
    """What a statement tells is of a size of the log, whatever came later; strange entries are none of ours."""
    assert (expected, 0) == observed_of(read(folder), STANDING, POLICY, "binary", until=until).rung(5)


def test_more_than_the_log_has_is_refused(folder: Path) -> None:
    """A statement that names a larger log than there is."""
    with pytest.raises(Refused, match="no such entry"):
        observed_of(read(folder), STANDING, POLICY, "binary", until=7)


def test_following_a_log_is_reading_it_once(tmp_path: Path) -> None:
    """As it grows, each record is taken once; the result is that of who reads all of it."""
    entries = _entries()
    following = Following(STANDING, POLICY, "binary")
    write(tmp_path, entries[:4])
    following.extend(read(tmp_path))
    following.extend(read(tmp_path))
    assert following.observed.rung(5) == (10, 0)
    write(tmp_path, entries[4:])
    following.extend(read(tmp_path))
    assert (following.size, following.observed.rung(5)) == (6, (30, 0))
    assert observed_of(read(tmp_path), STANDING, POLICY, "binary").results() == following.observed.results()
