"""What a plan is made by, as a person chose it. Pure, and without numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from lockgate.monitor.plan import Unit
from lockgate.monitor.spec import MonitorSpec

FORM: Final = 2


@dataclass(frozen=True)
class Asked:
    """Part of `[monitor]`, and the field that orders the rows ("" for the order of the files).

    `form`: of the plan that is made. What was validated for another form is validated again: of 2 are plans with a
    population, without which no abuse is seen.
    """

    strata: tuple[Unit, ...] = ()
    time: str = ""
    site: str = ""
    exclude: tuple[str, ...] = ()
    stride: int = 0
    order: str = ""
    form: int = FORM

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
