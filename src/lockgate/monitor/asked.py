"""What a plan is made by, as a person chose it. Pure, and without numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lockgate.monitor.plan import Unit
from lockgate.monitor.spec import MonitorSpec


@dataclass(frozen=True)
class Asked:
    """Part of `[monitor]`, and the field that orders the rows ("" for the order of the files)."""

    strata: tuple[Unit, ...] = ()
    time: str = ""
    site: str = ""
    exclude: tuple[str, ...] = ()
    stride: int = 0
    order: str = ""

    @classmethod
    def of(cls, spec: MonitorSpec, order: str) -> Asked:
        """`order`: `[data] time`."""
        return cls(spec.strata, spec.time, spec.site, spec.exclude, spec.stride, order or spec.time)

    def as_json(self) -> dict[str, Any]:
        """For statements, and for the jails."""
        return {**vars(self), "strata": list(self.strata), "exclude": list(self.exclude)}

    @classmethod
    def read(cls, value: dict[str, Any]) -> Asked:
        """What `as_json` wrote."""
        return cls(**{**value, "strata": tuple(value["strata"]), "exclude": tuple(value["exclude"])})
