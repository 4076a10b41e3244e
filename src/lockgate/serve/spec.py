"""What serving takes and gives: values only.

A request is answered from these: who asks (`Client`), what is live (`Served`), how much is allowed (`Caps`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lockgate.contract.given import Given
from lockgate.core.digest import Digest
from lockgate.core.record_window import Bins
from lockgate.core.wire import Column
from lockgate.serve.http import Reply, Replying
from lockgate.trust import policy_serving

OutputRule = policy_serving.OutputRule
ServePolicy = policy_serving.ServePolicy
RecordMode = policy_serving.RecordMode
Action = Literal["predict", "describe", "label", "metrics"]
Task = Literal["binary", "multiclass", "regression"]

ACTIONS: tuple[Action, ...] = ("predict", "describe")
"""What a client may do unless it is told otherwise. `label` and `metrics` are given by name only."""
ANY_MODEL = "*"
ANY_ENVIRONMENT = "*"
IN_FLIGHT = 256
"""Requests of one client at once, unless it is told otherwise."""


@dataclass(frozen=True)
class Caps:
    """Upper limits of one gateway. Sizes in bytes, times in seconds.

    `batch_rows`: most rows of one call of the model; `waiting_rows`: most rows that wait for it; `contract_rows` and
    `contract_seconds`: most rows that wait for Pydantic, and how long it may take; `unheard`: requests a second from
    one address before its key is looked at, 0 for any number; `model_rate`: rows a second of one model over all of
    its clients, 0 for any number. `watched_rows`: answered rows of a model that are looked at in a second;
    `window_rows`: of how many a record of counts is written; `stride`: every so many of them, 0 as the model's plan
    says; `sessions`: one row of a client until it was silent for long.
    """

    max_body: int = 8 << 20
    max_rows: int = 10_000
    receive: float = 10.0
    answer: float = 10.0
    connections: int = 1024
    waiting_rows: int = 40_000
    batch_rows: int = 256
    contract_seconds: float = 2.0
    contract_rows: int = 4_000
    unheard: int = 120
    model_rate: float = 0.0
    watched_rows: int = 2000
    window_rows: int = 1000
    stride: int = 0
    sessions: bool = False


@dataclass(frozen=True)
class Client:
    """One who may ask, as the client registry lists it: by an API key, a token's subject, or a certificate's name.

    `digest` is HMAC-SHA256(pepper, key) in hex, empty where there is no key; the key itself is nowhere stored.
    `previous` is that of the key before it, which counts until `previous_until`. `rate` is in rows a second, `burst`
    in rows, `budget` in rows a day (UTC), `in_flight` in requests. `models` and `environments` are names, or `*` for
    every one. Times are UTC; from `expires` and `revoked` on nobody comes in.

    Clients of one `organisation` are watched together too; empty: of none. `edits`: it was declared that this client
    asks what would be if a field were another. `cleared`: what it was suspected of before then counts no more, by the
    word of `cleared_by`, a user of the machine, for the reason `cleared_why`.
    """

    name: str
    digest: str
    kind: str
    created: str
    rate: float
    burst: int
    models: tuple[str, ...] = (ANY_MODEL,)
    actions: tuple[Action, ...] = ACTIONS
    revoked: str | None = None
    environments: tuple[str, ...] = (ANY_ENVIRONMENT,)
    expires: str | None = None
    in_flight: int = IN_FLIGHT
    budget: int | None = None
    subject: str = ""
    certificate: str = ""
    previous: str = ""
    previous_until: str | None = None
    organisation: str = ""
    edits: bool = False
    cleared: str | None = None
    cleared_why: str = ""
    cleared_by: str = ""


@dataclass(frozen=True)
class ServedField:
    """One field of the inference contract: its name and kind (`float`, `int`, `bool`, `string`, `datetime`...)."""

    name: str
    kind: str


@dataclass(frozen=True)
class Served:
    """The model that is live, as the verified statements name it."""

    name: str
    version: int
    manifest: Digest
    environment: str
    rung: str
    task: Task
    label: str
    classes: tuple[Any, ...]
    fields: tuple[ServedField, ...]

    def card(self) -> dict[str, Any]:
        """`model` of an answer."""
        return {
            "name": self.name,
            "version": self.version,
            "digest": self.manifest,
            "environment": self.environment,
            "rung": self.rung,
        }


@dataclass(frozen=True)
class Step:
    """Which candidate, beside which live model, by which statement, on which rung."""

    environment: str
    rung: str
    model: Digest
    base: Digest
    sequence: int


class Watched(NamedTuple):
    """Whose rows a record of a window counts: what it says besides. `life`: see `core.record_window`."""

    model: Digest
    environment: str
    rung: str
    life: int


class WindowPart(NamedTuple):
    """The counts of one record of a window, by the names of its fields."""

    bins: Bins
    rows: int
    dropped: int
    seen: int
    labelled: int
    stride: int
    since: int


class About(NamedTuple):
    """Which model a suspicion is about."""

    model: Digest
    environment: str
    rung: str


class Suspicion(NamedTuple):
    """A step of a suspicion, as it is recorded: see `core.record_suspicion`. `client`: the name."""

    about: About
    client: str
    rule: str
    scope: str
    level: int
    counts: Mapping[str, int]
    since: int


@dataclass(frozen=True)
class Checked:
    """The contract worker's word on the records of one request.

    Either `errors` (Pydantic's own, each `loc` starting with the record's index) or the accepted values as the model's
    wire columns, one per field of its io.json.
    """

    columns: tuple[Column, ...] = ()
    errors: tuple[Mapping[str, Any], ...] = ()


@dataclass(slots=True)
class Answer:
    """What a request gets, in the order of its records, after the output policy.

    `predictions`: `{"label", "scores"}` or `{"value"}`, or what the policy left of it; `encoded`: the same in the exact
    encoding, which is what the log commits to; `receipts`: tokens, empty where the policy let an answer go unrecorded;
    `proofs`: that their records are in the log, where the policy demands it before an answer leaves.
    """

    served: Served
    predictions: Sequence[Mapping[str, Any]]
    encoded: Sequence[bytes]
    receipts: Sequence[str]
    id: str = ""
    raw: Sequence[Mapping[str, Any]] = ()
    """What the model said, before any output policy: for who compares two models, and who watches one."""
    proofs: Sequence[str] = ()


def _always() -> bool:
    return True


@dataclass(slots=True)
class Asked:
    """One request for predictions on its way through the gateway.

    `spell` makes the reply of the protocol that it came by; `reply` is called exactly once. `since`: monotonic seconds.
    `wanted`: whether somebody still waits for it. `shadow`: nobody does, it is asked for comparison alone, and this
    gets what the model says, or how it failed. `again`: another model had no answer; `fell`: that counts as a
    candidate's failure. `address`: of the peer, as its socket has it.
    """

    client: Client
    given: Given
    spell: Callable[[Answer], Reply]
    reply: Replying
    since: float = 0.0
    headers: Sequence[tuple[str, str]] = ()
    wanted: Callable[[], bool] = _always
    shadow: Callable[[Sequence[Mapping[str, Any]] | Exception], None] | None = None
    again: bool = False
    fell: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What came true for one prediction: its receipt, and the label as the contract spells it."""

    receipt: str
    label: Any


@dataclass(frozen=True)
class TlsSpec:
    """The files of `[serve.tls]`. `client`: whether who asks must show a certificate of `client_ca`, or may."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    client: Literal["optional", "required"] = "required"


@dataclass(frozen=True)
class ServeSpec:
    """What `serve` is asked to do. `ref` empty: whatever is live. Port 0 takes a free one. `tls` None: plain HTTP."""

    host: str
    port: int
    ref: str
    caps: Caps
    tls: TlsSpec | None = None
