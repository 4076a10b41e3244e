"""The contract of the generated rows: twelve fields with the constraints that people write most.

Needs Pydantic and the standard library only, so that each environment that judges by it can import it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field


class Status(str, Enum):  # noqa: UP042 - the form that most contracts still have
    """A closed list as an enumeration, beside the closed list as a Literal."""

    NEW = "new"
    ACTIVE = "active"
    PAUSED = "paused"
    CLOSED = "closed"


class Reading(BaseModel):
    """One row."""

    id: int = Field(ge=1)
    age: int = Field(ge=0, le=120)
    score: float = Field(ge=0, lt=1)
    rating: Annotated[float, Field(ge=0, le=5)] | None
    reading: float | None
    country: Literal["AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FR", "IT", "NL", "PL", "SE"]
    status: Status
    code: str = Field(pattern=r"^[A-Z]{3}-[0-9]{4}$")
    name: str = Field(min_length=1, max_length=20)
    born: date = Field(ge=date(1900, 1, 1), le=date(2024, 12, 31))
    seen: AwareDatetime = Field(ge=datetime(2000, 1, 1, tzinfo=UTC))
    active: bool
