"""What the verified log, the roles and the policy in force say, as far as threats are concerned. Pure values.

Nothing here was typed by a person as a status. Whoever gathers it (`project.threats`) has verified every statement that
it comes from; a file that nobody signed gives no fact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lockgate.threats.levers import Lever


@dataclass(frozen=True)
class Proof:
    """What one kind of statement shows of the model.

    Attributes:
        at: when it was said. index: of its log entry. by: the person who signed.
        wrong: why it proves nothing any more, or proves the contrary; empty where it holds.
        note: what is to be said beside it.
    """

    at: datetime
    index: int
    by: str
    wrong: str = ""
    note: str = ""


@dataclass(frozen=True)
class Played:
    """The newest result of one drill.

    Attributes:
        program, policy: digests, of the program that was attacked and of the policy that held.
        left_out: what of the policy the copy of the project could not have.
        control: what should have stopped it. environment: by whose rules; rows: how many the copy had, 0: all.
        applies: why it cannot be played here; empty where it was.
    """

    stopped: Literal[True, False, "part"]
    at: datetime
    program: str
    policy: str
    index: int
    by: str
    left_out: tuple[str, ...] = ()
    inapplicable: str = ""
    control: str = ""
    environment: str = ""
    rows: int = 0


@dataclass(frozen=True)
class Accepted:
    """A waiver of a threat that is in force: who takes the risk, why, until when."""

    until: datetime
    by: str
    reason: str
    index: int


@dataclass(frozen=True)
class Facts:
    """Everything that decides a status.

    Attributes:
        asked: when all this was so: the time of asking.
        environment: whose policy it is, and whose live model.
        model: `name@version` that is live there, else the newest that is registered; empty where there is none.
        live: whether it is live there.
        proofs: by claim; `log` and `roles` among them.
        levers: how each lever of the policy stands.
        refused: by the policy's rule, what the gate says now against a model that is live all the same.
        jails: by claim, the least level that the statement proves; None where it proves none.
        least_level: what the policy demands.
        enforcing: other environments of the policy that refuse what breaks a rule, and let nothing pass that is
            refused in `environment`: what their rules stopped is stopped by its rules too.
        screen: by the screen's rule, what became of it (`ran`, `off`, `absent`); None where nothing is stated.
        used: which of `run`, `deployed`, `served`, `imported` ever happened.
        pinned: whether this user pinned the root; else it was given for this once.
        alone: persons who, each by themselves, can put a model live in the environment.
        separation: how far roles are in different hands, in words.
        program, policy: digests of what runs and of what is in force.
        drills: newest result by drill. accepted: waivers in force by threat.
        root: fingerprint of the root that all of it was verified under.
    """

    asked: datetime
    environment: str
    model: str
    live: bool
    proofs: Mapping[str, Proof]
    levers: Mapping[str, Lever]
    used: frozenset[str]
    pinned: bool
    alone: tuple[str, ...]
    separation: str
    program: str
    policy: str
    least_level: int = 3
    jails: Mapping[str, int | None] = field(default_factory=dict)
    enforcing: frozenset[str] = frozenset()
    screen: Mapping[str, str] | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    drills: Mapping[str, Played] = field(default_factory=dict)
    accepted: Mapping[str, Accepted] = field(default_factory=dict)
    root: str = ""
