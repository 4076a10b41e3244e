"""What clients are suspected of, as the commands show it: typed values, made from records and the registry. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.core.shown import Lines, block
from lockgate.core.shown_html import Shown
from lockgate.project.suspected_words import (
    CLEARED,
    FINDINGS,
    FURTHER,
    RULES,
    SCOPES,
    SHORT_LEVELS,
    counts_in_words,
    level_in_words,
    rule_in_words,
)

if TYPE_CHECKING:
    from lockgate.core.record_suspicion import SuspicionRecord
    from lockgate.serve.spec import Client

HEAD: Final = ("client", "organisation", "answers", "rules", "model", "last", "sealed")
NO_LOG: Final = "the log of predictions is not here: nothing is known of what clients asked"
CLEAR: Final = "lockgate clients clear"


@dataclass(frozen=True)
class Step:
    """One record of suspicion, as it stands now.

    Attributes:
        ref: the model. `name`: whom the record is of; empty where nobody here can tell.
        pending: it is not sealed yet. `over`: why it counts no more; empty while it counts. Of a record that takes
            back: who cleared it, where the registry still says so.
        others: who else was told of by the same step of a cluster.
    """

    record: SuspicionRecord
    ref: str
    name: str
    pending: bool
    over: str = ""
    others: tuple[str, ...] = ()

    @property
    def whom(self) -> str:
        """As it is shown."""
        return self.name or self.record.client

    @property
    def time(self) -> datetime:
        """By the gateway's clock."""
        return _moment(self.record.time)

    @property
    def stands(self) -> bool:
        """Whether it counts now."""
        return not self.over and self.record.level > 0

    @property
    def further(self) -> bool:
        """Whether it says that something goes on, and not that something follows."""
        return FURTHER in self.record.counts

    def lines(self, client: str) -> Iterator[str]:
        """What was seen and done, for the page of `client`, which may be another one of the same organisation."""
        one = self.record
        where = f"{one.rung} in {one.environment}: {self.ref}"
        if one.level == 0:
            yield f"{rfc3339(self.time)}  no longer suspected ({one.rule}): {self.over or 'an operator cleared it'}"
            yield f"    where    {where}, {SCOPES.get(one.scope, one.scope)}"
            return
        if self.further:
            yield f"{rfc3339(self.time)}  {one.rule}: counted again"
        else:
            yield f"{rfc3339(self.time)}  {one.rule}: {rule_in_words(one.rule)}"
        whose = f" ({self.whom})" if one.client != client else ""
        yield f"    where    {where}, {SCOPES.get(one.scope, one.scope)}{whose}"
        if self.others:
            yield f"    with     {', '.join(self.others)}"
        yield f"    seen     {counts_in_words(one.counts)}, since {rfc3339(_moment(one.since))}"
        yield f"    done     {level_in_words(one.level)}"
        pending = "; pending: the gateway wrote it, and it is not sealed yet" if self.pending else ""
        yield f"    now      {self.over or 'it counts'}{pending}"

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        one = self.record
        return {
            "time": rfc3339(self.time),
            "client": one.client,
            "name": self.name or None,
            "model": self.ref,
            "manifest": one.model,
            "environment": one.environment,
            "rung": one.rung,
            "rule": one.rule,
            "finding": FINDINGS.get(one.rule) if one.level else CLEARED,
            "sentence": rule_in_words(one.rule),
            "scope": one.scope,
            "level": one.level,
            "done": level_in_words(one.level),
            "counts": dict(one.counts),
            "since": rfc3339(_moment(one.since)),
            "with": list(self.others),
            "further": self.further,
            "pending": self.pending,
            "over": self.over or None,
        }


@dataclass(frozen=True, repr=False)
class Why(Shown):
    """Everything that one client was ever suspected of, oldest first. `client`: None where the registry has none."""

    name: str
    pseudonym: str
    client: Client | None
    steps: tuple[Step, ...]
    absent: str = ""

    @property
    def standing(self) -> tuple[Step, ...]:
        """What counts now."""
        return tuple(step for step in self.steps if step.stands)

    def text(self) -> Lines:
        """Who it is, each step, then of each rule what else it can be, and what to do."""
        lines = [f"{self.name}, in the records {self.pseudonym}{_declared(self.client)}"]
        if self.absent:
            return block([*lines, self.absent])
        if not self.steps:
            return block([*lines, "nothing: no gateway was ever suspicious of it, as far as it is written"])
        count = sum(not step.further for step in self.standing)
        counts = "counts" if count == 1 else "count"
        steps = sum(step.record.level > 0 and not step.further for step in self.steps)
        lines.append(f"{count} of {steps} steps {counts} now" if self.standing else CLEAN)
        for step in _without_repetition(self.steps):
            lines += ["", *step.lines(self.pseudonym)]
        for rule in dict.fromkeys(step.record.rule for step in self.standing):
            lines += _explained(rule, self.name)
        return block(lines)

    @property
    def following(self) -> tuple[str, ...]:
        """The commands to run next."""
        if self.standing and self.client is not None:
            return f'{CLEAR} {self.name} --reason "..."   # or: lockgate clients revoke {self.name}', "lockgate monitor"
        return ("lockgate clients review",)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        rules = dict.fromkeys(step.record.rule for step in self.steps)
        return {
            "name": self.name,
            "client": self.pseudonym,
            "known": self.client is not None,
            "organisation": (self.client.organisation or None) if self.client else None,
            "edits": self.client.edits if self.client else False,
            "suspected": bool(self.standing),
            "steps": [step.as_json() for step in self.steps],
            "rules": {rule: vars(RULES[rule]) for rule in rules if rule in RULES},
            "absent": self.absent or None,
        }


CLEAN: Final = "nothing counts now"


@dataclass(frozen=True)
class Suspect:
    """One who is suspected now, by all that counts, newest last."""

    name: str
    organisation: str
    steps: tuple[Step, ...]

    @property
    def level(self) -> int:
        """The highest of what counts, by the newest word of each gateway."""
        return max(step.record.level for step in newest(self.steps))

    @property
    def rules(self) -> tuple[str, ...]:
        """By which rules, each once."""
        return tuple(dict.fromkeys(step.record.rule for step in self.steps))

    @property
    def worst(self) -> tuple[int, int, int]:
        """What comes first in the queue sorts highest."""
        return self.level, len(self.rules), self.steps[-1].record.time

    def cells(self) -> tuple[str, ...]:
        """A line of the table."""
        models = dict.fromkeys(f"{step.ref} in {step.record.environment}" for step in self.steps)
        sealed = "pending" if any(step.pending for step in self.steps) else "yes"
        answers = SHORT_LEVELS.get(self.level, str(self.level))
        last = rfc3339(self.steps[-1].time)
        return (self.name, self.organisation or "-", answers, ", ".join(self.rules), ", ".join(models), last, sealed)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "name": self.name,
            "organisation": self.organisation or None,
            "level": self.level,
            "rules": list(self.rules),
            "last": rfc3339(self.steps[-1].time),
            "steps": [step.as_json() for step in self.steps],
        }


@dataclass(frozen=True, repr=False)
class Queue(Shown):
    """Who is suspected now, worst first. `beyond`: older records of the log that were not read."""

    suspects: tuple[Suspect, ...]
    absent: str = ""
    beyond: int = 0

    def text(self) -> str:
        """What stands above the table."""
        count = len(self.suspects)
        if self.absent or not count:
            return self.absent or "nobody is suspected now"
        return f"{count} {'client is' if count == 1 else 'clients are'} suspected now, worst first"

    def line(self) -> str:
        """For `status`; empty where there is nobody."""
        if not self.suspects:
            return ""
        first, more = self.suspects[0], len(self.suspects) - 1
        others = f", and {more} more" if more else ""
        where = " (by the newest records)" if self.beyond else ""
        rules = ", ".join(first.rules)
        return f"{first.name} is suspected ({rules}){others}{where}   lockgate clients review"

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {"suspects": [one.as_json() for one in self.suspects], "absent": self.absent or None}


@dataclass(frozen=True, repr=False)
class Cleared(Shown):
    """What `clear` did; `client` is None where there was nothing to clear."""

    why: Why
    client: Client | None

    def text(self) -> str:
        """One line."""
        if self.client is None:
            return f"{self.why.name} is not suspected now: nothing was changed"
        count, ahead = self._counts()
        steps = "step counts" if count == 1 else "steps count"
        more = f"; {ahead} more from a gateway whose clock is ahead still count" if ahead else ""
        return f"{self.why.name} is cleared by {self.client.cleared_by}: {count} {steps} no more{more}"

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        one = self.client
        return {
            "name": self.why.name,
            "cleared": one.cleared if one else None,
            "by": one.cleared_by if one else None,
            "reason": one.cleared_why if one else None,
            "steps": self._counts()[0],
        }

    def _counts(self) -> tuple[int, int]:
        """Steps that this ends, and those that seem to be of a time to come."""
        if self.client is None or self.client.cleared is None:
            return 0, 0
        until, standing = parse_rfc3339(self.client.cleared), self.why.standing
        ended = sum(step.time < until for step in standing)
        return ended, len(standing) - ended


def newest(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The last word of each gateway on each model, in each scope, whatever its rule: it says where that stands."""
    said: dict[tuple[str, ...], Step] = {}
    for step in steps:
        one = step.record
        said[(one.gateway, *subject(one))] = step
    return tuple(said.values())


def subject(one: SuspicionRecord) -> tuple[str, ...]:
    """What has one level: a client and a scope, on a model. A budget that is used up stands beside what was seen."""
    budget = one.rule if one.rule.startswith("leak-") else ""
    return one.client, one.environment, one.model, one.scope, budget


def _without_repetition(steps: Sequence[Step]) -> Iterator[Step]:
    """Of records that say that it goes on the last of each gateway before its next step: it has the counts of all."""
    last: dict[tuple[str, ...], int] = {}
    left_out = set()
    for at, step in enumerate(steps):
        one = (step.record.gateway, *subject(step.record))
        if one in last and step.further:
            left_out.add(last[one])
        last.pop(one, None)
        if step.further:
            last[one] = at
    yield from (step for at, step in enumerate(steps) if at not in left_out)


def _explained(rule: str, name: str) -> Iterator[str]:
    known = RULES.get(rule)
    if known is not None:
        yield ""
        yield rule
        yield f"    attack       {known.looks_like}"
        yield f"    false alarm  {known.false_alarm}"
        yield f"    do           {known.do.replace('NAME', name)}"


def _declared(client: Client | None) -> str:
    if client is None:
        return "; the registry of clients here does not know it"
    said = [client.kind]
    said += [f"of {client.organisation}"] if client.organisation else []
    said += ["declared to ask what-if questions"] if client.edits else []
    said += [f"revoked {client.revoked}"] if client.revoked else []
    return ": " + ", ".join(said)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
