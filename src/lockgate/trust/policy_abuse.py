"""What a policy says of clients who try the model itself: its form in `policy.toml`, its values, their order. Pure.

    [environment.prod.abuse]
    leak_day = 20000                              # bits a day; 0: no cap
    leak_life = 200000

    [environment.prod.abuse.external]             # by the kind of a client: external, internal
    respond = "limit"
    quiet = "coarsen"

What is seen is always told and recorded. This says what else follows; by itself nothing does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from lockgate.core.strict import Key, Table, one_of, whole
from lockgate.trust.policy_order import Difference, Direction
from lockgate.trust.policy_serving import KINDS

Respond = Literal["observe", "limit"]
Quiet = Literal["off", "coarsen", "slow"]
Shared = Literal["observe", "respond"]

MOST_BITS: Final = 10**12
_CAPS: Final = ("leak_day", "leak_life")


@dataclass(frozen=True)
class AbuseRule:
    """What follows for a kind of client, one step at a time: first it is told, then `quiet`, then `respond`.

    Attributes:
        respond: `observe`: answers stay as they are. `limit`: predictions are refused (429) until an operator clears.
        quiet: before that, and without a word: the label alone (`coarsen`), or answers that wait (`slow`).
    """

    respond: Respond = "observe"
    quiet: Quiet = "off"


@dataclass(frozen=True)
class AbusePolicy:
    """What the signed policy says of suspicion in one environment. The defaults hold where it says nothing.

    Attributes:
        leak_day: bits that answers may give away to a client in a day (UTC), or to all keys of an organisation
            together; 0: no cap. Internal clients have none.
        leak_life: the same for ever, of one model by its name.
        shared: what was found of those who share an address, or who probe together, is told alone, or followed by what
            follows for each of them. Whoever shares an address did not choose who else does.
        kinds: by kind of client; one that is not there is only observed.
    """

    leak_day: int = 0
    leak_life: int = 0
    shared: Shared = "observe"
    kinds: Mapping[str, AbuseRule] = field(default_factory=dict)

    def rule(self, kind: str) -> AbuseRule:
        """The rule for a kind of client. A kind that no policy can name is an external one."""
        return self.kinds.get(kind if kind in KINDS else "external", _OBSERVED)

    def caps(self, kind: str) -> tuple[int, int]:
        """Bits a day and for ever; 0 where there is no cap."""
        return (0, 0) if kind == "internal" else (self.leak_day, self.leak_life)


_OBSERVED: Final = AbuseRule()

_KIND: Final = Table(
    {
        "respond": Key(
            one_of(*get_args(Respond)),
            "observe",
            "What follows a suspicion that goes on, or a used-up leak budget: nothing but that it is told, or 429.",
        ),
        "quiet": Key(
            one_of(*get_args(Quiet)),
            "off",
            "Before that, without a word to the client: the label alone, or answers that wait for two seconds.",
        ),
    }
)

TABLE: Final = Table(
    {
        "leak_day": Key(
            whole(0, MOST_BITS),
            0,
            "Bits that answers may give away a day, to a client or to all keys of an organisation; 0: no cap. "
            "`lockgate drill extraction` prices it.",
        ),
        "leak_life": Key(whole(0, MOST_BITS), 0, "The same for ever; 0: no cap."),
        "shared": Key(
            one_of(*get_args(Shared)),
            "observe",
            "What is found of clients who share an address or probe together: told alone, or followed as for one.",
        ),
        **dict.fromkeys(KINDS, _KIND),
    },
    "What follows when a client seems to copy the model, or to look for inputs that deceive it.",
)


def abuse_of(values: Mapping[str, Any]) -> AbusePolicy:
    """From the table's values."""
    rest = {name: value for name, value in values.items() if name not in KINDS}
    kinds = {kind: AbuseRule(**values[kind]) for kind in KINDS}
    return AbusePolicy(kinds={kind: rule for kind, rule in kinds.items() if rule != _OBSERVED}, **rest)


def differences(old: AbusePolicy, new: AbusePolicy) -> Iterator[Difference]:
    """What became looser and what stricter: more that may leak, less that follows is looser."""
    for name in _CAPS:
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            yield Difference(f"abuse {name}", _bits(was), _bits(now), _way(now != 0 and (was == 0 or now < was)))
    if old.shared != new.shared:
        yield Difference("abuse shared", old.shared, new.shared, _way(new.shared == "respond"))
    for kind in KINDS:
        yield from _kind(f"abuse {kind}", old.rule(kind), new.rule(kind))


def _kind(what: str, old: AbuseRule, new: AbuseRule) -> Iterator[Difference]:
    """To coarsen and to slow are two things: one for the other is less of this and more of that."""
    if old.respond != new.respond:
        yield Difference(f"{what} respond", old.respond, new.respond, _way(new.respond == "limit"))
    if old.quiet == new.quiet:
        return
    if old.quiet != "off":
        yield Difference(f"{what} quiet {old.quiet}", "done", "not done", "looser")
    if new.quiet != "off":
        yield Difference(f"{what} quiet {new.quiet}", "not done", "done", "stricter")


def _bits(cap: int) -> str:
    return f"{cap} bits" if cap else "no cap"


def _way(stricter: bool) -> Direction:  # noqa: FBT001 - read as a sentence
    return "stricter" if stricter else "looser"
