"""What `gc` is asked for, and what it found and did. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from lockgate.core.shown_html import Heading, Next, Part, Shown, Table, Words
from lockgate.core.verdict import Reason

NEWEST: Final = 5
DAYS: Final = 7.0
_NAMED: Final = 10

Kind = Literal["draft", "rows and code", "unnamed", "environment"]


@dataclass(frozen=True)
class Asked:
    """What a person chose.

    Attributes:
        newest: of how many models of each name the run stays repeatable, beside those that are live.
        days: how old a draft must be, and a stored file that no statement names.
        drafts: all drafts, however young.
        dry: say what would go, and let everything be.
    """

    newest: int = NEWEST
    days: float = DAYS
    drafts: bool = False
    dry: bool = False

    @property
    def command(self) -> str:
        """What a person types for it, not dry."""
        said = ["lockgate gc"]
        said += [f"--newest {self.newest}"] if self.newest != NEWEST else []
        said += [f"--days {self.days:g}"] if self.days != DAYS else []
        return " ".join(said + (["--drafts"] if self.drafts else []))


@dataclass(frozen=True)
class Item:
    """One thing that nothing needs. `size` in bytes, as it lies on the disk; `what` says whose it was."""

    kind: Kind
    name: str
    size: int
    what: str

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True)
class Kept:
    """What stays, of one kind: how many, how large."""

    count: int
    size: int

    def as_json(self) -> dict[str, int]:
        """For `--json`."""
        return dict(vars(self))


@dataclass(frozen=True, repr=False)
class Collected(Shown):
    """What went, or would go. `left`: what lies there and is not Lockgate's, or is in use: nobody touched it."""

    asked: Asked
    items: tuple[Item, ...]
    kept: Mapping[Kind, Kept]
    left: tuple[Reason, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all that went."""
        return sum(item.size for item in self.items)

    @property
    def following(self) -> tuple[str, ...]:
        """The commands to run next; after a dry run, the same one with the same options."""
        return (self.asked.command,) if self.asked.dry and self.items else ("lockgate status",)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A line for each of the largest things, then how many more there are of each kind."""
        for kind in dict.fromkeys(item.kind for item in self.items):
            of_kind = sorted((one for one in self.items if one.kind == kind), key=lambda one: (-one.size, one.name))
            for one in of_kind[:_NAMED]:
                yield kind, short_name(one.name), in_words(one.size), one.what
            more = of_kind[_NAMED:]
            if more:
                yield kind, f"and {len(more):,} more", in_words(sum(one.size for one in more)), ""

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        went = "would go" if self.asked.dry else "went"
        yield Heading(f"{in_words(self.size)} {went}" if self.items else "nothing to clean")
        if self.items:
            yield Table((("kind", "name", "size", "what it was"), *self.rows()))
        kept = ", ".join(f"{one.count:,} {kind} ({in_words(one.size)})" for kind, one in self.kept.items() if one.count)
        yield Words(f"kept: {kept or 'nothing'}; and all evidence, registry/ and log/")
        for reason in self.left:
            yield Words(f"{reason.finding}  {reason.message}")
        yield Next(self.following)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "dry_run": self.asked.dry,
            "newest": self.asked.newest,
            "days": self.asked.days,
            "bytes": self.size,
            "collected": [item.as_json() for item in self.items],
            "kept": {kind: one.as_json() for kind, one in self.kept.items()},
            "left": [reason.as_json() for reason in self.left],
        }


def short_name(name: str) -> str:
    """A digest's first digits; any other name as it is."""
    return name[:12] if len(name) == 64 else name


def kept_words(kind: Kind, kept: Kept) -> str:
    """How many of a kind stay, and their size: of environments what no other one shares by a second name."""
    shared = " of its own; packages are shared" if kind == "environment" else ""
    return f"{kept.count:,} {kind}   {in_words(kept.size)}{shared}"


def in_words(size: int) -> str:
    """`812 B`, `4.1 kB`, `12.3 MB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size} B"
