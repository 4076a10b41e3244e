"""One draft as it is kept, draft.json, and as it shows itself. Pure.

Read strictly: exactly these keys, in the one encoding. What is read is words and numbers to show; nothing of it decides
what a run does, but for the parameters, which a person promotes and `lockgate.toml` then says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lockgate.core.digest import Digest, from_hex
from lockgate.core.encoding import decode_exact, encode
from lockgate.core.shown_html import Heading, Next, Part, Shown, Table, Words
from lockgate.runtime.code_bundle import check_name
from lockgate.train.metric_form import check_metrics
from lockgate.train.spec import Attachment, Denied
from lockgate.trust.policy_values import BETTER

LEADING: Final = {
    "binary": ("roc_auc", "accuracy", "log_loss"),
    "multiclass": ("accuracy", "macro_f1", "log_loss"),
    "regression": ("mae", "rmse", "r2"),
}
"""Of each task the metrics that are told; the first one that the rows allow decides which draft is best."""
NOT_CONVERTED: Final = "conversion not tried"
MOST: Final = 1 << 20
DEEPEST_LIST: Final = 16
"""Lists within lists of a parameter: what is signed may nest 64 deep in all."""
_V = 1


@dataclass(frozen=True, repr=False)
class Draft(Shown):
    """One draft.

    Attributes:
        number: rises; its folder bears it.
        params: all that the training code was given; `changed`: those that lockgate.toml says otherwise, or not.
        metrics: {name: {"value", "low", "high"}} on the validation rows; empty where it ended with `finding`.
        rows: of validation; `trained` and `heldout`: rows that it was trained on, and that no draft sees.
        parts: the same for drafts of the same rows, cut alike. `accepted`: the rows that validate signed.
        seconds: all of it; `took`: of the training code, as its jail says; None where nobody knows.
        files: the captured code, name -> digest. `sources`: the ingested files, name -> digest.
        settings: all else that a run depends on, as lockgate.toml said it. `lock`: the digest of the lock file.
        beside: what the training code wrote beside its model: untrusted.
        finding: {"finding", "message", "next"} of a draft that ended so.
        notebook: a train.py that makes the notebook's estimator; "" for the project's own code.
    """

    number: int
    model: str
    made: str
    params: Mapping[str, Any]
    changed: Mapping[str, Any]
    task: str
    estimator: str
    metrics: Mapping[str, Any]
    missing: Mapping[str, str]
    rows: int
    trained: int
    heldout: int
    cut: Mapping[str, Any]
    parts: str
    accepted: str
    seconds: float
    took: float | None
    files: Mapping[str, str]
    sources: Mapping[str, str]
    settings: Mapping[str, Any]
    lock: str
    denied: tuple[Denied, ...] = ()
    beside: tuple[Attachment, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    finding: Mapping[str, str] | None = None
    notebook: str = ""

    @property
    def ok(self) -> bool:
        """Whether it ended with metrics."""
        return self.finding is None

    @property
    def leading(self) -> str:
        """The metric by which it is compared; "" where there is none."""
        return next((name for name in LEADING.get(self.task, ()) if name in self.metrics), "")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of it, in few words each."""
        if self.finding is not None:
            return (f"{self.finding['finding']}  {self.finding['message']}",)
        found = []
        if self.denied:
            more = f", and {len(self.denied) - 1} more" if self.denied[1:] else ""
            found.append(f"LG325  denied: {self.denied[0]}{more}")
        if self.beside:
            found.append(f"{len(self.beside)} files beside it" if self.beside[1:] else "1 file beside it")
        return tuple(found)

    def code(self) -> str:
        """The text of a train.py that makes the notebook's estimator; "" for a draft of the project's own code."""
        return self.notebook

    def better_than(self, other: Draft) -> bool:
        """Whether its leading metric is the better one; of equal ones, neither."""
        name = self.leading
        one, two = (each.metrics[name]["value"] for each in (self, other))
        return bool(one < two if BETTER.get(name) == "lower" else one > two)

    def view(self) -> Iterable[Part]:
        """What a notebook shows."""
        yield Heading(f"draft {self.number}")
        yield Words(f"{self.estimator or 'no model'}   {self.trained:,} rows trained on, {self.rows:,} to validate")
        if self.metrics:
            rows = [(name, interval(metric)) for name, metric in self.metrics.items()]
            yield Table((("metric", "value and 95 % interval"), *rows))
        if self.params:
            yield Table((("parameter", "value"), *((name, plain(value)) for name, value in self.params.items())))
        for words in self.warnings:
            yield Words(words)
        yield Words(f"Not signed, no evidence; {NOT_CONVERTED}. No draft sees the {self.heldout:,} held-out rows.")
        if self.notebook:
            yield Next((f"lockgate try --take {self.number}   # writes its train.py; .code() shows it",))
        elif self.ok:
            yield Next((f"lockgate try --promote {self.number}",))

    def as_json(self) -> dict[str, Any]:
        """As it is kept, and as `--json` prints it."""
        return {
            **{name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(self).items()},
            "denied": [one.as_json() for one in self.denied],
            "beside": [vars(one) for one in self.beside],
        }

    def encode(self) -> bytes:
        """The bytes of draft.json. Raises ValueError where a parameter is no finite number."""
        return encode({"v": _V, **self.as_json()})


def read(data: bytes, number: int) -> Draft:
    """A draft from its draft.json, in the folder of this number. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or value.pop("v", None) != _V or set(value) != set(Draft.__dataclass_fields__):
        raise ValueError("draft.json has other keys than a draft has")
    if value["number"] != number:
        raise ValueError("draft.json is of another number than its folder")
    _check_kinds(value)
    _check_named(value)
    check_metrics(value["metrics"])
    if (value["finding"] is None) != bool(value["metrics"]):
        raise ValueError("a draft has metrics or a finding")
    value["denied"] = tuple(_denied(one) for one in value["denied"])
    value["beside"] = tuple(_beside(one) for one in value["beside"])
    return Draft(**value)


_KINDS: Final[Mapping[type, tuple[str, ...]]] = {
    str: ("model", "made", "task", "estimator", "parts", "accepted", "lock", "notebook"),
    int: ("number", "rows", "trained", "heldout"),
    dict: ("params", "changed", "metrics", "missing", "cut", "files", "sources", "settings", "left"),
    list: ("denied", "beside"),
}
_FINDING: Final = {"finding", "message", "next"}
_TEXTS = ("missing", "files", "sources", "left", "finding")


def _check_kinds(value: Mapping[str, Any]) -> None:
    for kind, names in _KINDS.items():
        for name in names:
            if type(value[name]) is not kind:
                raise ValueError(f"{name} is not in form")
    for name in ("seconds", "took"):
        number = value[name]
        if number is not None and (type(number) not in (int, float) or not math.isfinite(number) or number < 0):
            raise ValueError(f"{name} is no time")
    if value["seconds"] is None:
        raise ValueError("seconds are missing")
    finding = value["finding"]
    if finding is not None and (type(finding) is not dict or set(finding) != _FINDING):
        raise ValueError("the finding is not in form")
    # Without a task there was no training: a draft that ended before it was judged may have none.
    if value["task"] not in LEADING and (value["task"] or finding is None):
        raise ValueError("the task is not in form")


def _check_named(value: Mapping[str, Any]) -> None:
    for name in _TEXTS:
        if value[name] is not None and not all(isinstance(text, str) for text in value[name].values()):
            raise ValueError(f"{name} is not in form")
    for name, digest in value["files"].items():
        check_name(name)
        check_digest(digest)
    if not all(map(is_parameter, value["params"].values())):
        raise ValueError("a parameter is none")


def check_digest(text: object) -> Digest:
    """A digest as it is spelled. Raises ValueError."""
    if not isinstance(text, str) or not text.startswith("sha256:"):
        raise ValueError("a digest is not in form")
    return from_hex(text.removeprefix("sha256:"))


def is_parameter(value: object, deep: int = 0) -> bool:
    """Whether lockgate.toml and a statement could hold it: a text, a finite number, true or false, or a list of these.

    deep: in how many lists it lies; at most DEEPEST_LIST.
    """
    if isinstance(value, list):
        return deep < DEEPEST_LIST and all(is_parameter(one, deep + 1) for one in value)
    if isinstance(value, str):
        return not any("\ud800" <= sign <= "\udfff" for sign in value)
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return isinstance(value, float) and math.isfinite(value)


def _denied(one: Any) -> Denied:
    if not isinstance(one, dict) or set(one) != {"what", "target", "package", "at"}:
        raise ValueError("a denied attempt is not in form")
    if not all(isinstance(text, str) for text in one.values()):
        raise ValueError("a denied attempt is not in form")
    return Denied(**one)


def _beside(one: Any) -> Attachment:
    if not isinstance(one, dict) or set(one) != {"name", "digest", "size"} or type(one["size"]) is not int:
        raise ValueError("an attachment is not in form")
    return Attachment(check_name(one["name"]), check_digest(one["digest"]), one["size"])


def interval(metric: Mapping[str, Any]) -> str:
    """A metric's value with its interval."""
    if metric.get("low") is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"


def plain(value: Any) -> str:
    """A parameter in a table."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


_LONGEST = 40
