"""Putting a changed policy in force, and saying in words what became looser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest, short
from lockgate.errors import Usage
from lockgate.trust.policy import FILENAME, RULES, EnvironmentPolicy, Policy

_WEIGHTS = {"off": 0, "warn": 1, "enforce": 2}


@dataclass(frozen=True)
class Change:
    """One difference. `direction`: looser, stricter, or other."""

    environment: str
    what: str
    before: str
    after: str
    direction: str

    def __str__(self) -> str:
        return f"{self.direction:<8} {self.environment}: {self.what} {self.before} -> {self.after}"

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True)
class PolicyState:
    """The policy in force, and whether the file says something else."""

    version: int
    digest: Digest
    environments: tuple[str, ...]
    differs: bool

    def text(self) -> str:
        """Two lines."""
        file = "differs from it: it decides nothing until signed" if self.differs else "says the same"
        known = ", ".join(self.environments)
        return f"in force: version {self.version}, {short(self.digest)}, environments {known}\n{FILENAME} {file}"

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True)
class PolicySigned:
    """A policy that was put in force."""

    version: int
    digest: Digest
    index: int
    changes: tuple[Change, ...]

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        changes = [change.as_json() for change in self.changes]
        return {"version": self.version, "digest": self.digest, "log_index": self.index, "changes": changes}


def read_policy_file(root: Path) -> Policy:
    """The project's policy.toml. Raises Usage (LG840)."""
    path = root / FILENAME
    try:
        return Policy.from_text(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Usage(
            "LG840", f"there is no {FILENAME} here", seen={"file": str(path)}, next="lockgate policy show"
        ) from None
    except UnicodeDecodeError as error:
        raise Usage("LG840", f"{FILENAME} is not UTF-8", seen={"byte": error.start}, next=f"edit {FILENAME}") from None


def state(in_force: Policy, file: Policy) -> PolicyState:
    """The policy in force beside the file."""
    return PolicyState(
        in_force.version, in_force.digest, tuple(in_force.environments), differs=in_force.digest != file.digest
    )


def sign(place: Workplace, file: Policy) -> PolicySigned:
    """Put `file` in force. Raises Refused (LG842) unless its version rises."""
    file.check_follows(place.policy)
    changes = tuple(compare(place.policy, file))
    evidence = place.record("policy", file.statement(place.now()))
    return PolicySigned(file.version, file.digest, evidence.index, changes)


def compare(before: Policy, after: Policy) -> Iterator[Change]:
    """Every difference that decides something, environment by environment. Pure."""
    for name in dict.fromkeys((*before.environments, *after.environments)):
        old, new = before.environments.get(name), after.environments.get(name)
        if old is None or new is None:
            gone = new is None
            words = ("known", "gone") if gone else ("unknown", "new")
            yield Change(name, "the environment", *words, "other")
            continue
        yield from _compare(name, old, new)


def _compare(name: str, old: EnvironmentPolicy, new: EnvironmentPolicy) -> Iterator[Change]:
    for rule in RULES:
        yield from _ordered(name, f"{rule} weighs", old.weight(rule), new.weight(rule), _WEIGHTS)
    # A rule's number: whether a higher one is stricter.
    for what, higher_is_stricter in (
        ("max_quarantined_share", False),
        ("min_jail_level", True),
        ("approvals", True),
        ("refuse_tainted", True),
        ("max_vulnerabilities", False),
    ):
        yield from _numbers(name, what, getattr(old, what), getattr(new, what), higher_is_stricter=higher_is_stricter)
    for what in ("max_age_days", "max_osv_age_days"):
        ages = [float("inf") if getattr(p, what) is None else getattr(p, what) for p in (old, new)]
        yield from _numbers(name, what, ages[0], ages[1], higher_is_stricter=False)
    for claim in sorted({*old.require} ^ {*new.require}):
        dropped = claim in old.require
        words = ("required", "not required") if dropped else ("not required", "required")
        yield Change(name, f"{claim} statement", *words, "looser" if dropped else "stricter")
    for metric in sorted({*old.metrics, *new.metrics}):
        bounds = [_bounds(p, metric) for p in (old, new)]
        yield from _numbers(name, f"least {metric}", bounds[0][0], bounds[1][0], higher_is_stricter=True)
        yield from _numbers(name, f"most {metric}", bounds[0][1], bounds[1][1], higher_is_stricter=False)


def _bounds(policy: EnvironmentPolicy, metric: str) -> tuple[float, float]:
    found = policy.metrics.get(metric)
    low = found.least if found and found.least is not None else float("-inf")
    high = found.most if found and found.most is not None else float("inf")
    return low, high


def _ordered(name: str, what: str, old: str, new: str, order: Mapping[str, int]) -> Iterator[Change]:
    if old != new:
        yield Change(name, what, old, new, "looser" if order[new] < order[old] else "stricter")


def _numbers(name: str, what: str, old: float, new: float, *, higher_is_stricter: bool) -> Iterator[Change]:
    if old != new:
        stricter = (new > old) == higher_is_stricter
        yield Change(name, what, f"{old:g}", f"{new:g}", "stricter" if stricter else "looser")
