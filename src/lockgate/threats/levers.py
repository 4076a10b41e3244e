"""What a policy can switch off or loosen, and how it stands in one environment. Pure.

Four states, from best to worst:

    on     the control acts; where the environment only warns, `why` says that it tells and nothing more
    weak   it is set below what Lockgate does by itself: a jail of level 2, records that a crash can lose; whatever
           `policy diff` calls looser than the policy that `init` writes (`threats.defaults`)
    none   nobody asked for it: no approvals, no ladder, clients who copy a model are only watched
    off    somebody switched off what is on by itself

None of the last three lets a threat be HELD. `off` breaks it: a person made it so. `weak` and `none` leave it UNPROVEN,
so that a fresh project on a laptop is told what it lacks and is not called broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from lockgate.core.screen import RULES as SCREEN_RULES
from lockgate.threats.defaults import looser
from lockgate.trust.policy_rules import CLAIMS, RULES
from lockgate.trust.policy_serving import KINDS

if TYPE_CHECKING:
    from lockgate.trust.policy import EnvironmentPolicy
    from lockgate.trust.policy_order import Difference

State = Literal["on", "weak", "none", "off"]
WORSE: Final[tuple[State, ...]] = ("on", "weak", "none", "off")
LEVERS: Final = (*RULES, "abuse", "ladder", "monitor", "record", "stale")

_FULL_LEVEL: Final = 3


@dataclass(frozen=True)
class Lever:
    """How one lever stands. `why`: in words; empty where there is nothing to say. `table`: where it is set."""

    name: str
    state: State
    why: str = ""
    table: str = ""

    def next(self, environment: str) -> str:
        """What to do about it."""
        table = f".{self.table}" if self.table else ""
        return f"edit policy.toml: [environment.{environment}{table}], then lockgate policy sign"


_Found: TypeAlias = tuple[State, str]
_ON: Final[_Found] = ("on", "")


def levers(policy: EnvironmentPolicy) -> dict[str, Lever]:
    """Every lever of one environment, by its name."""
    found = looser(policy)
    return {name: _lever(name, policy, found.get(name, ())) for name in LEVERS}


def _lever(name: str, policy: EnvironmentPolicy, below: tuple[Difference, ...]) -> Lever:
    """`below`: what is looser than by our default; with it a lever is weak at best."""
    weight = policy.weight(name) if name in RULES and name != "separation" else None
    if weight == "off":
        return Lever(name, "off", f"the policy of {policy.name} sets {name} to off", "levels")
    (state, why), table = _ASKED.get(name, _on)(policy), _TABLES.get(name, "")
    if state != "on":
        return Lever(name, state, why, table)
    if below:
        first, more = below[0], f" (and {len(below) - 1} more)" if len(below) > 1 else ""
        why = f"{policy.name} is looser than our own policy: {first.what}: {first.before} -> {first.after}{more}"
        return Lever(name, "weak", why, "levels" if name in policy.levels and weight == "warn" else table)
    if weight == "warn":
        why = why or f"{policy.name} only warns of {name}"
    return Lever(name, state, why, table)


def _on(_: EnvironmentPolicy) -> _Found:
    return _ON


def _asked(name: str, what: str) -> Callable[[EnvironmentPolicy], _Found]:
    """A rule that holds only where the policy has a value for it."""

    def found(policy: EnvironmentPolicy) -> _Found:
        return _ON if getattr(policy, name) else ("none", f"the policy of {policy.name} asks for no {what}")

    return found


def _require(policy: EnvironmentPolicy) -> _Found:
    left_out = [claim for claim in CLAIMS if claim not in policy.require]
    return ("weak", f"{policy.name} does not require {', '.join(left_out)}") if left_out else _ON


def _screen(policy: EnvironmentPolicy) -> _Found:
    off = policy.screen.at("off")
    if not off:
        return _ON if policy.screen.at("enforce") else ("on", f"{policy.name} only warns of poisoned rows")
    # `leak` is asked when a model is trained, and looks at no row.
    all_off = set(off) >= set(SCREEN_RULES)
    return ("off" if all_off else "weak", f"{policy.name} leaves out of the poisoning screen: {', '.join(off)}")


def _jail(policy: EnvironmentPolicy) -> _Found:
    least = policy.min_jail_level
    full = least >= _FULL_LEVEL
    return _ON if full else ("weak", f"{policy.name} is content with jails of level {least} of {_FULL_LEVEL}")


def _tainted(policy: EnvironmentPolicy) -> _Found:
    return _ON if policy.refuse_tainted else ("off", f"{policy.name} lets pass what rests on revoked evidence")


def _approvals(policy: EnvironmentPolicy) -> _Found:
    return _ON if policy.approvals else ("none", f"{policy.name} asks for no approval")


def _separation(policy: EnvironmentPolicy) -> _Found:
    if policy.separation == "off":
        return "none", f"{policy.name} does not ask for separation of persons"
    return ("on", f"{policy.name} only warns where roles are in one hand") if policy.separation == "warn" else _ON


def _abuse(policy: EnvironmentPolicy) -> _Found:
    """As of the kind that is answered least: whoever has a key chooses which one they use."""
    rules = {kind: policy.abuse.rule(kind) for kind in KINDS}
    watched = [kind for kind, rule in rules.items() if rule.respond != "limit" and rule.quiet == "off"]
    if len(watched) == len(rules):
        more = "; leak budgets are counted" if any(policy.abuse.caps("external")) else ""
        return "none", f"{policy.name} only observes clients who copy a model or try to deceive it{more}"
    if watched:
        return "weak", f"{policy.name} only observes {', '.join(watched)} clients who copy a model or try to deceive it"
    if all(rule.respond == "limit" for rule in rules.values()):
        return _ON
    return "on", f"{policy.name} answers suspicion by less, and refuses nobody"


def _ladder(policy: EnvironmentPolicy) -> _Found:
    return _ON if policy.ladder.rungs else ("none", f"{policy.name} has no ladder: a new model is live at once")


def _monitor(policy: EnvironmentPolicy) -> _Found:
    return ("on", f"an alarm in {policy.name} is told, and no more") if policy.monitor.on_alarm == "tell" else _ON


def _record(policy: EnvironmentPolicy) -> _Found:
    serve = policy.serve
    if serve.unrecorded == "answer":
        return "off", f"{policy.name} answers also what it cannot record"
    if serve.record == "written":
        return "weak", f"a record of {policy.name} may be lost with the machine: it is written, not synced"
    return _ON


def _stale(policy: EnvironmentPolicy) -> _Found:
    if policy.serve.stale == "alarm":
        return "off", f"{policy.name} answers on while the event log cannot be seen"
    return _ON


_ASKED: Final[Mapping[str, Callable[[EnvironmentPolicy], _Found]]] = {
    "require": _require,
    "signers": _asked("signers", "named signers"),
    "max_screen_findings": lambda policy: _bound(policy, "max_screen_findings"),
    "max_flagged_share": lambda policy: _bound(policy, "max_flagged_share"),
    "screen": _screen,
    "min_jail_level": _jail,
    "metrics": _asked("metrics", "bounds on metrics"),
    "slices": _asked("slices", "bounds in slices"),
    "robustness": _asked("robustness", "bounds under attack"),
    "parity": _asked("parity", "comparison with the live model"),
    "control": lambda policy: _ON if policy.control.asked else ("none", f"{policy.name} asks for no clean control"),
    "max_age_days": lambda policy: _bound(policy, "max_age_days"),
    "refuse_tainted": _tainted,
    "max_osv_age_days": lambda policy: _bound(policy, "max_osv_age_days"),
    "licences": _on,
    "min_witnesses": _asked("min_witnesses", "witnesses"),
    "approvals": _approvals,
    "separation": _separation,
    "abuse": _abuse,
    "ladder": _ladder,
    "monitor": _monitor,
    "record": _record,
    "stale": _stale,
}

_TABLES: Final[Mapping[str, str]] = {
    **{name: name for name in ("signers", "screen", "metrics", "slices", "robustness", "parity", "control")},
    **{name: name for name in ("abuse", "ladder", "monitor")},
    "record": "serve",
    "stale": "serve",
}


def _bound(policy: EnvironmentPolicy, name: str) -> _Found:
    return _ON if getattr(policy, name) is not None else ("none", f"the policy of {policy.name} has no {name}")
