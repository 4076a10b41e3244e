"""What became another from one model to another: topics, each with its sentence, its table and its facts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lockgate.core.encoding import alike
from lockgate.core.shown import block
from lockgate.core.shown_html import Heading, Next, Part, Shown, Table, Words

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Topic:
    """One thing that was compared.

    Attributes:
        same: None where nobody can say any more; `says` tells why.
        rows: a table, its head first; only what differs.
        lines: text that keeps its lines, such as a unified diff.
        facts: for `--json`, both sides' values under `one` and `other`.
    """

    name: str
    same: bool | None
    says: str
    rows: Rows = ()
    lines: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"same": self.same, "says": self.says, **self.facts}


@dataclass(frozen=True, repr=False)
class Difference(Shown):
    """Two models, and what became another from `one` to `other`. `notes`: what a reader must know first."""

    one: str
    other: str
    manifests: tuple[str, str]
    topics: tuple[Topic, ...]
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of what differs."""
        return tuple(topic.name for topic in self.topics if topic.same is False)

    @property
    def following(self) -> tuple[str, ...]:
        """The commands to run next."""
        return f"lockgate show {self.other}", f"lockgate verify {self.other}"

    def topic(self, name: str) -> Topic:
        """One topic by name. Raises KeyError."""
        for topic in self.topics:
            if topic.name == name:
                return topic
        raise KeyError(name)

    def view(self) -> Iterator[Part]:
        """What it shows of itself: what changed in short, then each topic that has more to say."""
        yield Heading(f"{self.one} -> {self.other}")
        for note in self.notes:
            yield Words(note)
        yield Table(
            [(f"{'=' if one.same else '?' if one.same is None else '≠'} {one.name}", one.says) for one in self.topics],
            head=False,
        )
        for topic in self.topics:
            if topic.rows or topic.lines:
                yield Heading(topic.name)
                if topic.rows:
                    yield Table(topic.rows)
                if topic.lines:
                    yield Words(block(topic.lines))
        yield Next(self.following)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "one": {"ref": self.one, "manifest": self.manifests[0]},
            "other": {"ref": self.other, "manifest": self.manifests[1]},
            "changed": list(self.changed),
            "notes": list(self.notes),
            "topics": {topic.name: topic.as_json() for topic in self.topics},
        }


def pairs(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """What differs of two flat tables: key, value in the one, value in the other; None where it is not there."""
    for key in [*one, *(key for key in other if key not in one)]:
        if not alike(one.get(key), other.get(key)) or (key in one) is not (key in other):
            yield key, one.get(key), other.get(key)


def few(names: Sequence[str], most: int = 4) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def plural(count: int, word: str) -> str:
    """`1 file`, `3 files`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
