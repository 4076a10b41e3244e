"""What a draft is made of and what comes of it: a training on part of the training rows, which proves nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import decode_exact, encode
from lockgate.runtime.serving import TASKS
from lockgate.train.metric_form import check_metrics
from lockgate.train.spec import Denied, TrainSpec

RULE = 1
"""Another number where the same rows would be cut otherwise."""
PARTS = ("train.parquet", "fields.parquet", "label.parquet")


@dataclass(frozen=True)
class Parts:
    """The rows of drafts: those that it is trained on, the validation rows without label, their labels.

    `cut`: how, by which field and where, as split.json says; `heldout`: how many rows no draft sees.
    """

    train: Digest
    fields: Digest
    label: Digest
    train_rows: int
    validate_rows: int
    heldout: int
    cut: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As kept."""
        return {
            "digests": [self.train, self.fields, self.label],
            "counts": [self.train_rows, self.validate_rows, self.heldout],
            "cut": dict(self.cut),
        }

    @staticmethod
    def read(value: Any) -> Parts:
        """From `as_json`. Raises ValueError."""
        if not isinstance(value, dict) or set(value) != {"digests", "counts", "cut"}:
            raise ValueError("parts have exactly digests, counts and cut")
        digests, counts = value["digests"], value["counts"]
        if not isinstance(digests, list) or len(digests) != len(PARTS):
            raise ValueError("there are three digests")
        if not isinstance(counts, list) or len(counts) != len(PARTS) or not all(map(_is_count, counts)):
            raise ValueError("there are three counts")
        train, fields, label = map(Digest, digests)
        trained, validate, heldout = counts
        return Parts(train, fields, label, trained, validate, heldout, _cut(value["cut"]))


@dataclass(frozen=True)
class Drafted:
    """What came of one draft.

    Attributes:
        metrics: {name: {"value", "low", "high"}}, of the validation rows.
        took: seconds of the user's own code, as its jail says.
        beside: what it wrote beside its answers, by name; `left`: what of it was not kept, and why.
    """

    task: str
    estimator: str
    metrics: Mapping[str, Any]
    missing: Mapping[str, str]
    rows: int
    took: float | None
    denied: tuple[Denied, ...] = ()
    talk: bytes = b""
    beside: Mapping[str, Any] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def parts_key(accepted: Digest, spec: TrainSpec) -> Digest:
    """By what the parts are known: of the same rows, cut by the same rule, they are the same."""
    rule = {"label": spec.label, "time": spec.time, "group": spec.group, "holdout": spec.holdout, "seed": spec.seed}
    return digest_of(encode({"accepted": accepted, "rule": RULE, **rule}))


def read_split(data: bytes) -> tuple[tuple[int, int, int], dict[str, Any]]:
    """The parse jail's split.json: counts of rows, and how they were cut. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"how", "by", "cut", "train", "validate", "heldout"}:
        raise ValueError("split.json has exactly how, by, cut, train, validate and heldout")
    counts = (value["train"], value["validate"], value["heldout"])
    if not all(map(_is_count, counts)):
        raise ValueError("a count is none")
    return counts, _cut({key: value[key] for key in ("how", "by", "cut")})


def read_said(data: bytes) -> dict[str, Any]:
    """The train jail's draft.json. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"task", "estimator", "classes", "versions"}:
        raise ValueError("draft.json has exactly task, estimator, classes and versions")
    if value["task"] not in TASKS or not isinstance(value["estimator"], str):
        raise ValueError("task or estimator are not in form")
    if not isinstance(value["versions"], dict) or not all(isinstance(one, str) for one in value["versions"].values()):
        raise ValueError("versions are not in form")
    return value


def read_judged(data: bytes, rows: int) -> tuple[dict[str, Any], dict[str, str]]:
    """The judge jail's judge.json: metrics, and why others are missing. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"task", "rows", "metrics", "missing"} or value["rows"] != rows:
        raise ValueError("judge.json has exactly task, rows, metrics and missing, of the validation rows")
    if not isinstance(value["missing"], dict) or not all(isinstance(why, str) for why in value["missing"].values()):
        raise ValueError("missing is not in form")
    check_metrics(value["metrics"])
    return value["metrics"], value["missing"]


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _cut(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != {"how", "by", "cut"} or value["how"] not in _HOW:
        raise ValueError("how the rows were cut is not in form")
    if not isinstance(value["by"], str) or not (value["cut"] is None or isinstance(value["cut"], str)):
        raise ValueError("by or cut are not in form")
    return value


_HOW = ("time", "group", "hash")
