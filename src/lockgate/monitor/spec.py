"""What `[monitor]` of lockgate.toml says of one model: values only. Pure, and without numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lockgate.monitor.plan import Unit


@dataclass(frozen=True)
class MonitorSpec:
    """The defaults hold where the table says nothing.

    Attributes:
        strata: by what rows are told apart before they are compared; `time`, `site`: the fields that say it.
        unit: what is counted: each row, or of each client one row until it was silent for half an hour.
        stride: every so many rows are counted; 0: as the reference's own rows demand.
        window: rows, as they come, after which a gateway writes its counts.
        exclude: fields that are not watched.
        most_rows: that one gateway looks at in a second; the others are skipped evenly.
        webhook: who is told of an alarm; `webhook_secret`: a reference to what it is told with.
    """

    strata: tuple[Unit, ...] = ()
    time: str = ""
    site: str = ""
    unit: Literal["row", "session"] = "row"
    stride: int = 0
    window: int = 1000
    exclude: tuple[str, ...] = ()
    most_rows: int = 2000
    webhook: str = ""
    webhook_secret: str = ""
