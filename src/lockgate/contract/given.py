"""The records of one request, as the gateway passes them on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Given:
    """The records of one request.

    `canonical`: each record as it was sent, in the exact encoding (`core.encoding`): what the record in the log commits
    to, and what Pydantic is asked about. `values`: one row per record, its wire values in the order of io.json's
    fields, None for null; `values` itself is None where the contract worker must decide. `id`: what the client calls
    this request, or nothing.
    """

    rows: int
    canonical: Sequence[bytes]
    values: Sequence[tuple[Any, ...]] | None = None
    id: str = ""
