"""Putting a changed policy in force, and saying in words what became looser; what each rule says now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest, short
from lockgate.core.shown import Lines, block
from lockgate.core.shown_html import Shown
from lockgate.errors import Usage
from lockgate.trust import (
    policy_abuse,
    policy_automatic,
    policy_ladder_order,
    policy_monitor,
    policy_serving,
    policy_witness,
)
from lockgate.trust.policy import FILENAME, RULES, EnvironmentPolicy, Policy
from lockgate.trust.policy_ladder import Rung
from lockgate.trust.policy_order import Difference, Direction
from lockgate.trust.policy_serving import KINDS, ServePolicy
from lockgate.trust.policy_values import Weight

_WEIGHTS = {"off": 0, "warn": 1, "enforce": 2}


@dataclass(frozen=True)
class Change:
    """One difference. Looser: something that was refused may pass."""

    environment: str
    what: str
    before: str
    after: str
    direction: Direction

    def __str__(self) -> str:
        return f"{self.direction:<8} {self.environment}: {self.what} {self.before} -> {self.after}"

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True)
class RuleLine:
    """One rule as an environment has it."""

    rule: str
    weight: Weight
    settings: str
    says: str

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True, repr=False)
class PolicyState(Shown):
    """The policy in force, and whether the file says something else."""

    version: int
    digest: Digest
    environments: tuple[str, ...]
    differs: bool

    def text(self) -> Lines:
        """Two lines."""
        file = "differs from it: it decides nothing until signed" if self.differs else "says the same"
        known = ", ".join(self.environments)
        first = f"in force: version {self.version}, {short(self.digest)}, environments {known}"
        return block((first, f"{FILENAME} {file}"))

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True, repr=False)
class PolicySigned(Shown):
    """A policy that was put in force."""

    version: int
    digest: Digest
    index: int
    changes: tuple[Change, ...]

    @property
    def looser(self) -> tuple[Change, ...]:
        """What may pass now and could not before."""
        return tuple(change for change in self.changes if change.direction == "looser")

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
    """Every difference that decides something, environment by environment. Pure.

    An environment that is new is looser: nothing could go there before. One that is gone is stricter.
    """
    demanded = any(one.min_witnesses for one in before.environments.values())
    for each in policy_witness.differences(before.witnesses, after.witnesses) if demanded else ():
        yield Change("every environment", *astuple(each))
    for name in dict.fromkeys((*before.environments, *after.environments)):
        old, new = before.environments.get(name), after.environments.get(name)
        if old is None:
            yield Change(name, "the environment", "unknown", "new: models may be deployed there", "looser")
        elif new is None:
            yield Change(name, "the environment", "known", "gone: nothing can be deployed there", "stricter")
        else:
            yield from _between(name, old, new)


def is_looser(old: EnvironmentPolicy, new: EnvironmentPolicy) -> bool:
    """Whether something that is refused by the rules of `old` may pass by those of `new`. Pure."""
    return any(each.direction == "looser" for each in _between(new.name, old, new))


def _between(name: str, old: EnvironmentPolicy, new: EnvironmentPolicy) -> Iterator[Change]:
    yield from _weights(name, old, new)
    yield from (Change(name, *astuple(each)) for each in _differences(old, new))


def _differences(old: EnvironmentPolicy, new: EnvironmentPolicy) -> Iterator[Difference]:
    for rule in RULES.values():
        yield from rule.compare(old, new)
    yield from policy_automatic.differences(old.automatic, new.automatic)
    yield from policy_ladder_order.differences(old.ladder, new.ladder)
    yield from policy_monitor.differences(old.monitor, new.monitor)
    yield from policy_serving.differences(old.serve, new.serve)
    yield from policy_abuse.differences(old.abuse, new.abuse)


def describe(policy: EnvironmentPolicy) -> Iterator[RuleLine]:
    """Every rule, with its weight and its settings in words, by the table of rules. Pure."""
    for rule in RULES.values():
        values = {key: getattr(policy, key) for key in rule.settings}
        yield RuleLine(rule.name, policy.weight(rule.name), words(values) if values else "", rule.says)


def describe_serving(policy: ServePolicy) -> Iterator[tuple[str, str]]:
    """What an environment says of serving: setting, value in words. Pure."""
    for name, value in vars(policy).items():
        if name == "outputs":
            yield from ((f"output {kind}", str(policy.output(kind))) for kind in KINDS)
        else:
            yield name, str(value)


def describe_ladder(policy: EnvironmentPolicy) -> Iterator[tuple[str, str]]:
    """By which steps a new model comes to people, and what counts as approved: setting, value in words. Pure."""
    if policy.automatic is not None:
        yield "automatic approval", str(policy.automatic)
    for rung in policy.ladder.rungs:
        yield rung.name, _rung(rung)
    for name, value in vars(policy.ladder).items() if policy.ladder.rungs else ():
        if name != "rungs" and value is not None:
            yield name, _word(value)


def describe_monitor(policy: EnvironmentPolicy) -> Iterator[tuple[str, str]]:
    """What alarms, and what follows: setting, value in words. Pure."""
    for name, value in vars(policy.monitor).items():
        if policy.monitor.on_alarm == "abstain" or name != "abstain_below":
            yield name, _word(value)


def describe_abuse(policy: EnvironmentPolicy) -> Iterator[tuple[str, str]]:
    """What follows a suspicion: setting, value in words; each kind of client has its line. Pure."""
    abuse = policy.abuse
    for name in ("leak_day", "leak_life"):
        yield name, f"{cap} bits" if (cap := getattr(abuse, name)) else "no cap"
    yield "shared", abuse.shared
    for kind in KINDS:
        rule = abuse.rule(kind)
        yield kind, rule.respond if rule.quiet == "off" else f"{rule.quiet}, then {rule.respond}"


def _rung(rung: Rung) -> str:
    asked = f"{rung.rows} rows" + (f", {rung.labels} labels" if rung.labels else "")
    pairs = f", {_percent(rung.pairs)} of the rows asked of both" if rung.pairs else ""
    wait = f"holds after {rung.wait / 86400:g} days"
    return f"{_percent(rung.share)} of the traffic until {asked}; {wait}{pairs}"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def words(values: Mapping[str, Any]) -> str:
    """Settings as a person reads them; a setting that says nothing is left out."""
    parts = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            parts += [f"{inner}: {_word(each)}" for inner, each in value.items()]
        elif value is not None:
            prefix = "" if len(values) == 1 else f"{key} "
            parts.append(prefix + _word(value))
    return "; ".join(parts) or "not asked"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _weights(name: str, old: EnvironmentPolicy, new: EnvironmentPolicy) -> Iterator[Change]:
    """Rules that weigh something else, those with the same change in one line."""
    changed: dict[tuple[Weight, Weight], list[str]] = {}
    for rule in RULES:
        pair = (old.weight(rule), new.weight(rule))
        if pair[0] != pair[1]:
            changed.setdefault(pair, []).append(rule)
    for (was, now), rules in changed.items():
        direction: Direction = "looser" if _WEIGHTS[now] < _WEIGHTS[was] else "stricter"
        yield Change(name, f"weight of {', '.join(rules)}", was, now, direction)
