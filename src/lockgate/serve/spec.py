"""What serving takes and gives: values only.

A request is answered from these: who asks (`Client`), what is live (`Served`), how much is allowed (`Caps`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lockgate.core.digest import Digest
from lockgate.core.wire import Column
from lockgate.serve.http import Reply, Replying

Action = Literal["predict", "describe", "label", "metrics"]
Task = Literal["binary", "multiclass", "regression"]

ACTIONS: tuple[Action, ...] = ("predict", "describe")
"""What a client may do unless it is told otherwise. `label` and `metrics` are given by name only."""
ANY_MODEL = "*"


@dataclass(frozen=True)
class Caps:
    """Upper limits of one gateway. Sizes in bytes, times in seconds.

    `batch_rows`: most rows of one call of the model; `waiting_rows`: most rows that wait for it; `contract_rows` and
    `contract_seconds`: most rows that wait for Pydantic, and how long it may take; `unheard`: requests a second from
    one address before its key is looked at.
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


@dataclass(frozen=True)
class Client:
    """One holder of an API key, as the client registry lists it.

    `digest` is HMAC-SHA256(pepper, key) in hex; the key itself is nowhere stored. `rate` is in rows a second,
    `burst` in rows. `models` are names, or `*` for every model that is live here.
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


@dataclass(slots=True)
class Given:
    """The records of one request.

    `canonical`: each record as it was sent, in the exact encoding (`core.encoding`): what the record in the log commits
    to, and what Pydantic is asked about. `values`: one row per record, its wire values in the order of io.json's
    fields, None for null; `values` itself is None where the contract worker must decide.
    """

    rows: int
    canonical: Sequence[bytes]
    values: Sequence[tuple[Any, ...]] | None = None
    id: str = ""


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
    encoding, which is what the log commits to; `receipts`: tokens, empty where the policy let an answer go unrecorded.
    """

    served: Served
    predictions: Sequence[Mapping[str, Any]]
    encoded: Sequence[bytes]
    receipts: Sequence[str]
    id: str = ""


@dataclass(slots=True)
class Asked:
    """One request for predictions on its way through the gateway.

    `spell` makes the reply of the protocol that it came by; `reply` is called exactly once. `since`: monotonic seconds.
    """

    client: Client
    given: Given
    spell: Callable[[Answer], Reply]
    reply: Replying
    since: float = 0.0
    headers: Sequence[tuple[str, str]] = ()


Scores = Literal["full", "rounded", "top", "label"]
RecordMode = Literal["written", "synced", "sealed"]


@dataclass(frozen=True)
class OutputRule:
    """What a kind of client gets of the scores. `digits` for `rounded`, `top` for `top`.

    `abstain_below`: the least margin between the two best scores; below it the answer is that there is none. 0: never.
    """

    scores: Scores = "full"
    digits: int = 3
    top: int = 1
    abstain_below: float = 0.0


@dataclass(frozen=True)
class ServePolicy:
    """What the signed policy says of serving in one environment. The defaults hold where it says nothing.

    `outputs`: by kind of client. `record`: what a record must be before its answer leaves: `written` to the spool
    (survives the process), `synced` (survives the machine), `sealed` (in the log). `unrecorded`: what happens when it
    cannot be, after bounded buffering. `payload_days`: how long payloads and salts are kept, 0: not at all.
    `shared_rates`, `shared_budgets`: whether requests pass while the shared counters cannot be reached.
    """

    outputs: Mapping[str, OutputRule] = field(default_factory=dict)
    record: RecordMode = "synced"
    unrecorded: Literal["refuse", "answer"] = "refuse"
    payload_days: int = 0
    shared_rates: Literal["open", "closed"] = "open"
    shared_budgets: Literal["open", "closed"] = "closed"


@dataclass(frozen=True)
class ServeSpec:
    """What `serve` is asked to do. `ref` empty: whatever is live. Port 0 takes a free one."""

    host: str
    port: int
    ref: str
    caps: Caps
