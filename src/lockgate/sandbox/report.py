"""What a jail said of itself before anything untrusted ran in it (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.core.digest import Digest
from lockgate.errors import Unfit

LEVELS = 3


@dataclass(frozen=True)
class Probe:
    """One witness: the flag that it watches, whether the protection holds, and what was seen."""

    name: str
    flag: str
    holds: bool
    witness: str

    def as_json(self) -> dict[str, object]:
        """The probe as statements carry it."""
        return {"name": self.name, "flag": self.flag, "holds": self.holds, "witness": self.witness}


@dataclass(frozen=True)
class JailReport:
    """The proof of one jail. `limits` names the mechanism that enforces each limit; `denied` what was tried and
    refused; `most` is the level that the launcher gives when every probe holds.
    """

    launcher: str
    settings: str
    settings_digest: Digest
    probes: tuple[Probe, ...]
    limits: Mapping[str, str]
    denied: tuple[str, ...] = ()
    most: int = LEVELS

    @property
    def open(self) -> tuple[Probe, ...]:
        """The probes that do not hold."""
        return tuple(probe for probe in self.probes if not probe.holds)

    @property
    def level(self) -> int:
        """`most` when every probe holds and there are probes; else 0: a jail with one hole is not a weaker jail."""
        return self.most if self.probes and not self.open else 0

    def require(self, level: int) -> None:
        """Raise Unfit LG906, naming each open probe, unless the jail is of at least `level`."""
        if self.level >= level:
            return
        first = ", ".join(f"{probe.name} ({probe.witness})" for probe in self.open[:3]) or self._without_open()
        raise Unfit(
            "LG906",
            f"the jail is of level {self.level} and level {level} is asked for: {first}",
            seen={"level": self.level, "open": {probe.name: probe.witness for probe in self.open}},
            next="lockgate doctor",
        )

    def _without_open(self) -> str:
        return f"{self.launcher} gives no more" if self.probes else "no probe ran"

    def as_json(self) -> dict[str, object]:
        """The report as statements carry it."""
        return {
            "level": self.level,
            "launcher": self.launcher,
            "settings": self.settings,
            "settings_digest": self.settings_digest,
            "probes": [probe.as_json() for probe in self.probes],
            "limits": dict(self.limits),
            "denied": list(self.denied),
        }
