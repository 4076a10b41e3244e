"""Whether a run that was repeated gave the same model, and the judge's statement about it. Pure.

    bytes     model.onnx, io.json and, where there is one, model.onnx.data are the same files
    metrics   they are not, and each judged metric of both lies within the tolerance on the same held-out rows
    no        neither

The tolerance is absolute for what has a scale of its own (a share, an AUC, a log loss, R2), and a part of the value for
errors in the label's unit (MAE, RMSE).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from lockgate.core.digest import Digest, digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import Statement, Subject, test_result
from lockgate.train.rules import IO, JUDGED_FILES, MODEL

CLAIM = "reproduce"
RULES = "urn:lockgate:reproduce:v1"
TOLERANCE = 0.005
DIFFERS = "LG374"
"""The finding of an outcome that is `no`."""
_IN_UNITS_OF_THE_LABEL = frozenset({"mae", "rmse"})

Reproduced = Literal["bytes", "metrics", "no"]


@dataclass(frozen=True)
class Outcome:
    """What the comparison found.

    Attributes:
        differs: the names of files whose bytes differ.
        metrics: name -> {"recorded", "again", "within"}; empty when the bytes are the same.
    """

    reproduced: Reproduced
    differs: tuple[str, ...]
    metrics: Mapping[str, Mapping[str, Any]]

    @property
    def beyond(self) -> tuple[str, ...]:
        """The metrics that are not within the tolerance."""
        return tuple(name for name, found in self.metrics.items() if not found["within"])


def same_files(made: Mapping[str, Digest], again: Mapping[str, Digest]) -> tuple[str, ...]:
    """The model's files whose digests differ, or that one of both runs does not have; the data may be in neither."""
    names = [name for name in JUDGED_FILES if name in (MODEL, IO) or name in made or name in again]
    return tuple(name for name in names if made.get(name) is None or made.get(name) != again.get(name))


def compare(
    differs: tuple[str, ...], recorded: Mapping[str, Any], again: Mapping[str, Any], tolerance: float
) -> Outcome:
    """The outcome of a run whose files differ in `differs`; `recorded` and `again` are both judgings' metrics."""
    if not differs:
        return Outcome("bytes", (), {})
    names = [*recorded, *(name for name in again if name not in recorded)]
    metrics = {name: _within(name, _value(recorded, name), _value(again, name), tolerance) for name in names}
    within = bool(metrics) and all(found["within"] for found in metrics.values())
    return Outcome("metrics" if within else "no", differs, metrics)


def statement(
    outcome: Outcome,
    *,
    made: Mapping[str, Digest],
    again: Mapping[str, Digest],
    train: Digest,
    rerun: Digest,
    judge: Digest | None,
    heldout: Digest,
    tolerance: float,
    changed: Mapping[str, Any],
    jails: Mapping[str, Mapping[str, object]],
    attempts: int,
    time: datetime,
) -> Statement:
    """What the judge signs about a repeated run.

    `train` is the statement of the recorded run, `rerun` the digest of the provenance of the repeated one, which is
    stored and not signed: it speaks for no model. `changed`: what of machine and packages is another.
    """
    return test_result(
        CLAIM,
        [Subject(name, digest) for name, digest in made.items()],
        "FAILED" if outcome.reproduced == "no" else "PASSED",
        rules=digest_of(RULES.encode()),
        passed={"bytes": ("bytes",), "metrics": ("metrics",), "no": ()}[outcome.reproduced],
        warned=("bytes",) if outcome.reproduced == "metrics" else (),
        failed=("bytes", "metrics") if outcome.reproduced == "no" else (),
        reproduced=outcome.reproduced,
        tolerance=tolerance,
        differs=list(outcome.differs),
        metrics={name: dict(found) for name, found in outcome.metrics.items()},
        again=dict(again),
        train=train,
        rerun=rerun,
        judge=judge,
        heldout=heldout,
        changed=dict(changed),
        denied=attempts,
        jails={name: dict(report) for name, report in jails.items()},
        time=rfc3339(time),
    )


def _within(name: str, recorded: float | None, again: float | None, tolerance: float) -> dict[str, Any]:
    if recorded is None or again is None:
        return {"recorded": recorded, "again": again, "within": False}
    scale = abs(recorded) if name in _IN_UNITS_OF_THE_LABEL else 1.0
    # The last bit of a sum is no difference.
    most = tolerance * scale + 1e-12
    return {"recorded": recorded, "again": again, "within": abs(recorded - again) <= most}


def _value(metrics: Mapping[str, Any], name: str) -> float | None:
    found = metrics.get(name)
    value = found.get("value") if isinstance(found, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
