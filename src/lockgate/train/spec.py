"""What training takes and gives. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from lockgate.contract.inputs import Wanted
from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import encode
from lockgate.core.verdict import Reason
from lockgate.monitor.asked import Asked
from lockgate.sandbox.settings import Limits
from lockgate.train.robustness_spec import Robustness

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

Control = Literal["flagged", "off"]
CONTROL: Final[Control] = "flagged"
CONTROL_TIME: Final = 600.0
PARITY: Final = 0.001
PARITY_METRIC: Final = 0.001
UNFEATURED: Final = ("", "none", "auto")
"""What `features` says where no function is named."""


@dataclass(frozen=True)
class TrainSpec:
    """What a person chose.

    Attributes:
        label: the contract's field to predict.
        code: globs below the project; what matches is captured by digest and is all that the jail gets.
        always: single files captured beside them, such as the contract's.
        function: `file.py:name`, called as `name(data, params)`; `script`, when given, runs instead of it.
        features: `file.py:name`, what makes a model's columns of the contract's fields; "" or "none": nothing does;
            `auto`: `features.py:features` where the code has it (`train.featuring.resolved`).
        time, group: fields that order or group the rows for the split; "" for neither.
        holdout: the share of rows that training never sees.
        task: `auto`, `binary`, `multiclass` or `regression`.
        parity: the largest share of rows in which graph and estimator may disagree, and 32 bits do not explain it.
        parity_metric: the largest change of the judge's leading metric from the estimator to the graph.
        lock: the file that locks the environment.
        inputs: further files, which ingest has fetched; at $LOCKGATE_DATA, beside the rows.
        gpu: whether the jail shows the machine's GPU.
        monitor: how the judge makes the plan of what is watched of the answers.
        control: whether a second model is trained without the rows that the screen doubts, where there are any.
        control_time: in seconds; where the first training took longer, there is no second one.
        robustness: which attacks the judge tries on the candidate; None: none.
    """

    label: str
    code: tuple[str, ...] = ("*.py",)
    always: tuple[str, ...] = ()
    function: str = "train.py:train"
    script: str = ""
    features: str = "auto"
    time: str = ""
    group: str = ""
    holdout: float = 0.2
    seed: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)
    task: str = "auto"
    parity: float = PARITY
    parity_metric: float = PARITY_METRIC
    lock: str = "requirements.lock"
    limits: Limits = field(default_factory=Limits)
    inputs: tuple[Wanted, ...] = ()
    gpu: bool = False
    monitor: Asked = field(default_factory=Asked)
    control: Control = CONTROL
    control_time: float = CONTROL_TIME
    robustness: Robustness | None = None

    def external(self) -> dict[str, Any]:
        """The external parameters of the provenance: all that a person chose, but the limits."""
        chosen: dict[str, Any] = {
            "label": self.label,
            "code": list(self.code),
            "function": "" if self.script else self.function,
            "script": self.script,
            "split": {"time": self.time, "group": self.group, "holdout": self.holdout},
            "seed": self.seed,
            "params": dict(self.params),
            "task": self.task,
            "parity": self.parity,
            "lock": self.lock,
        }
        if self.parity_metric != PARITY_METRIC:
            chosen["parity_metric"] = self.parity_metric
        if self.features not in UNFEATURED:
            chosen["features"] = self.features
        if self.inputs:
            chosen["inputs"] = [wanted.as_json() for wanted in self.inputs]
        if self.gpu:
            chosen["gpu"] = True
        if self.monitor.strata or self.monitor.stride or self.monitor.order != self.time:
            chosen["monitor"] = self.monitor.as_json()
        if self.control != CONTROL:
            chosen["control"] = self.control
        if self.control_time != CONTROL_TIME:
            chosen["control_time"] = self.control_time
        if self.robustness is not None:
            chosen["robustness"] = self.robustness.as_json()
        return chosen

    @property
    def entry(self) -> str:
        """The file that holds the training code."""
        return self.script or self.function.partition(":")[0]

    @property
    def named(self) -> tuple[str, ...]:
        """The single files that are captured whatever `code` matches."""
        made = () if self.features in UNFEATURED else (self.features.partition(":")[0],)
        return (*self.always, self.entry, *made)


@dataclass(frozen=True)
class CodeFile:
    """One captured file: its path below the project, in POSIX spelling."""

    name: str
    digest: Digest
    size: int


@dataclass(frozen=True)
class Closure:
    """The captured code. Its digest is that of the list of names and digests."""

    files: tuple[CodeFile, ...]

    @property
    def digest(self) -> Digest:
        """SHA-256 of the exact encoding of `{name: digest}`."""
        return digest_of(encode({file.name: file.digest for file in self.files}))


@dataclass(frozen=True)
class Denied:
    """Something that the training code tried and did not get: `network` or `file`, what, by which package, where."""

    what: str
    target: str
    package: str
    at: str

    def as_json(self) -> dict[str, str]:
        """The attempt as the provenance carries it."""
        return {"what": self.what, "target": self.target, "package": self.package, "at": self.at}

    def __str__(self) -> str:
        by = f" by {self.package}" if self.package else ""
        where = f" ({self.at})" if self.at else ""
        return f"{self.target}{by}{where}"


@dataclass(frozen=True)
class Attachment:
    """A file that training left beside its model. Untrusted."""

    name: str
    digest: Digest
    size: int


@dataclass(frozen=True)
class Attachments:
    """What is kept, and what is not: name -> why."""

    kept: tuple[Attachment, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Leak:
    """Held-out rows that, but for time, group and label, equal a training row.

    Attributes:
        of: the held-out rows.
        by_chance: the share of rows that come back by themselves, as the training rows do among themselves.
        beyond: whether the rows are more than that.
    """

    rows: int
    of: int
    by_chance: float
    beyond: bool


@dataclass(frozen=True)
class Doubts:
    """The rows that the screen doubts.

    Attributes:
        screen: the digest of screen.parquet.
        rows: how many they are; `doubtful` is the digest of the file that holds them.
        left_out: how many of them training sees.
        control: the digest of the training rows without them.
    """

    screen: Digest
    rows: int
    doubtful: Digest
    left_out: int
    control: Digest


@dataclass(frozen=True)
class Split:
    """How the rows were cut, as the parse jail said, and the digests of both parts as the launcher hashed them.

    `leak`: None where the rows have no feature to be equal in, or nobody looked. `doubts`: None where there are none.
    """

    how: str
    by: str
    cut: str | None
    train: Digest
    train_rows: int
    heldout: Digest
    heldout_rows: int
    leak: Leak | None = None
    doubts: Doubts | None = None

    def as_json(self) -> dict[str, Any]:
        """The split as the provenance carries it."""
        return {
            "how": self.how,
            "by": self.by,
            "cut": self.cut,
            "train": {"sha256": self.train[7:], "rows": self.train_rows},
            "heldout": {"sha256": self.heldout[7:], "rows": self.heldout_rows},
        }


@dataclass(frozen=True)
class Featured:
    """Features of the held-out rows: files for the judge's jail, by name, and the proofs of the jails they are from.

    Empty for a model that takes the contract's fields.
    """

    files: Mapping[str, Digest] = field(default_factory=dict)
    function: str = ""
    jails: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    denied: tuple[Denied, ...] = ()

    def fact(self) -> dict[str, Any] | None:
        """As the judge's statement carries it."""
        return {"function": self.function, "files": dict(self.files)} if self.function else None


@dataclass(frozen=True)
class TrainResult:
    """A judged candidate.

    Attributes:
        evidence, judgement: the statements of training and of judging.
        metrics: name -> {"value", "low", "high"}, as the judge's statement has them.
        judged: how many judgings of these held-out rows there are, this one included.
        fit: the facts of fit.json, as the train jail said them.
        reasons: what a person should know, such as denied attempts.
        worst: of the held-out rows the one on which estimator and graph differ most; for the person at work only.
    """

    evidence: Evidence
    judgement: Evidence
    model: Digest
    io: Digest
    split: Split
    task: str
    metrics: Mapping[str, Any]
    slices: tuple[Mapping[str, Any], ...]
    judged: int
    fit: Mapping[str, Any]
    probes: int
    denied: tuple[Denied, ...]
    reasons: tuple[Reason, ...]
    attachments: Attachments = Attachments()
    worst: Mapping[str, str] = field(default_factory=dict)
