"""`[train]` of lockgate.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lockgate.core.kinds import inside, scalar
from lockgate.core.strict import Document, Key, Named, Table, duration, flag, list_of, one_of, share, size, text, whole
from lockgate.errors import Usage

TABLE = Table(
    {
        "function": Key(
            text(form=r"[^:]+\.py:[A-Za-z_]\w*", expects='file and function, such as "train.py:train"'),
            "train.py:train",
            "def train(data: pandas.DataFrame, params: dict) -> fitted estimator.",
        ),
        "script": Key(
            inside(),
            "",
            "Instead of a function: reads $LOCKGATE_DATA, writes $LOCKGATE_OUT. Its own model.onnx has two outputs for "
            "classes, the label and the probabilities, and one for a number.",
        ),
        "features": Key(
            text(form=r"|auto|none|[^:]+\.py:[A-Za-z_]\w*", expects='"auto", "none", or FILE.py:FUNCTION'),
            "auto",
            "def features(batch: pandas.DataFrame) -> pandas.DataFrame, between the contract's fields and the model, "
            "in training, judging and serving alike. auto: features.py at the project's root, where it has one.",
        ),
        "code": Key(list_of(inside(), least=1), ("*.py",), "Which files the jail gets, captured by digest."),
        "lock": Key(inside(), "requirements.lock", "The hash-locked environment."),
        "holdout": Key(share(), 0.2, "The part of the rows that training never sees."),
        "seed": Key(whole(0), 0, "Seeds Python, numpy and the split."),
        "params": Named(Key(scalar()), "Handed to train() as they are."),
        "memory": Key(size(), 2 << 30, "Most memory of all processes in the jail."),
        "time": Key(duration(), 7200.0, "Longest wall-clock time."),
        "cpu": Key(duration(), 14400.0, "Most CPU time of one process."),
        "tasks": Key(whole(8, 4096), 256, "Most processes and threads."),
        "descriptors": Key(whole(64, 65536), 1024, "Most open files of one process."),
        "tmp": Key(size(), 256 << 20, "Size of /tmp."),
        "out": Key(size(), 256 << 20, "Size of /out, and most output."),
        "shm": Key(size(), 64 << 20, "Size of /dev/shm."),
        "inodes": Key(whole(100), 10_000, "Most files in each of these."),
        "parity": Key(
            share(),
            0.001,
            "The largest share of rows in which graph and estimator may disagree, and 32 bits do not explain it.",
        ),
        "parity_metric": Key(
            share(),
            0.001,
            "The largest change of the judge's leading metric from the estimator to the graph, on the held-out rows.",
        ),
        "control": Key(
            one_of("flagged", "off"),
            "flagged",
            "Where the screen doubts training rows, a second model is trained without them, and compared; or not.",
        ),
        "control_time": Key(
            duration(),
            600.0,
            "Where training took longer than this, there is no second one: it would take as long.",
        ),
        "gpu": Key(flag(), default=False, help="Show the GPU to training: isolation of level 2, not 3."),
    }
)


@dataclass(frozen=True)
class TrainSettings:
    """`[train]`. Sizes in bytes, times in seconds."""

    function: str
    script: str
    features: str
    code: tuple[str, ...]
    lock: str
    holdout: float
    seed: int
    params: Mapping[str, Any]
    memory: int
    time: float
    cpu: float
    tasks: int
    descriptors: int
    tmp: int
    out: int
    shm: int
    inodes: int
    gpu: bool
    parity: float = 0.001
    parity_metric: float = 0.001
    control: Literal["flagged", "off"] = "flagged"
    control_time: float = 600.0


def of(document: Document) -> TrainSettings:
    """The settings that were read. Raises Usage LG942 for a part that leaves no row to train on, or none to judge."""
    settings = TrainSettings(**document.values["train"])
    if not 0.01 <= settings.holdout <= 0.9:
        raise Usage(
            "LG942",
            f"{document.where('train', 'holdout')}: train.holdout expects a share from 0.01 to 0.9",
            seen={"holdout": settings.holdout},
            next=f"edit {document.filename}",
        )
    return settings
