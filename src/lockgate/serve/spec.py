"""What serving takes and gives: values only.

A request is answered from these: who asks (`Client`), what is live (`Served`), how much is allowed (`Caps`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lockgate.core.digest import Digest
from lockgate.core.wire import Column

Action = Literal["predict", "describe"]
Task = Literal["binary", "multiclass", "regression"]

ACTIONS: tuple[Action, ...] = ("predict", "describe")
ANY_MODEL = "*"


@dataclass(frozen=True)
class Caps:
    """Upper limits of one gateway. Sizes in bytes, times in seconds."""

    max_body: int = 8 << 20
    max_rows: int = 10_000
    receive: float = 10.0
    answer: float = 10.0
    connections: int = 256
    waiting_rows: int = 40_000
    batch_rows: int = 4_096


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


@dataclass(frozen=True)
class Checked:
    """The contract's word on the records of one request.

    Either `errors` (Pydantic's own, each `loc` starting with the record's index) or the accepted values as the model's
    wire columns, one per field of its io.json.
    """

    columns: tuple[Column, ...] = ()
    errors: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a request gets: one prediction and one receipt token per record, in order."""

    predictions: tuple[Mapping[str, Any], ...]
    receipts: tuple[str, ...]
    served: Served


@dataclass(frozen=True)
class ServeSpec:
    """What `serve` is asked to do. `ref` empty: whatever is live. Port 0 takes a free one."""

    host: str
    port: int
    ref: str
    caps: Caps
