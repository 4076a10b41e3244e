"""What the scan of any files found out, read from lines that a jail wrote: untrusted, and held to their form. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any, Final, Literal, TypeAlias, cast

from lockgate.core.encoding import decode
from lockgate.register.import_formats import REST, SCAN_FINDINGS
from lockgate.register.scan_levels import Level, level_of, urgency_of

Verdict: TypeAlias = Literal["ok", "refused", "skipped", "failed", "excluded"]
VERDICTS: Final[tuple[Verdict, ...]] = ("ok", "refused", "skipped", "failed")
"""What a jail may say. `excluded` is said by the person who starts the scan, and by nobody else."""

_LAST: Final = 9

_HEX = re.compile(r"(?:[0-9a-f]{64})?")
_FIELDS = {"name", "verdict", "sha256", "size", "format", "facts", "finding", "message", "seen"}


@dataclass(frozen=True)
class ScannedFile:
    """One entry. `sha256` is of the very bytes that were parsed; empty where nothing was read."""

    path: str
    verdict: Verdict
    sha256: str = ""
    size: int = 0
    format: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    finding: str = ""
    message: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> Level | Literal["none"]:
        """How urgent it is; "none" for what is harmless."""
        if self.verdict == "ok":
            return "none"
        return "note" if self.verdict == "excluded" else level_of(self.path, self.finding, self.seen)

    @property
    def place(self) -> int:
        """Where it belongs in a list that begins with the worst."""
        fixed = {"ok": _LAST, "excluded": _LAST - 1}
        return fixed.get(self.verdict) or urgency_of(self.path, self.finding, self.seen)

    @property
    def next(self) -> str:
        """What to do about it."""
        if self.verdict in ("ok", "excluded"):
            return ""
        if "`git lfs pull`" in self.message:
            return "git lfs pull"
        if self.converts:
            return f"lockgate convert {quote(self.path)} OUT"
        return f"lockgate explain {self.finding}"

    @property
    def converts(self) -> bool:
        """Whether converting it is a way out: not where it reaches for what no model needs."""
        return self.seen.get("converts") is True and self.level != "error"


@dataclass(frozen=True)
class Scanned:
    """All of them, in the order in which they were looked at."""

    files: Sequence[ScannedFile]

    @property
    def worst_first(self) -> Sequence[ScannedFile]:
        """What runs code first, what is harmless last; each of these in the order in which they were looked at."""
        return sorted(self.files, key=lambda one: one.place)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many of each verdict."""
        found = Counter(one.verdict for one in self.files)
        return {verdict: found[verdict] for verdict in (*VERDICTS, "excluded")}

    @property
    def harmless(self) -> bool:
        """Whether something was looked at, and all of it was proved harmless. What is excluded counts for neither."""
        return {one.verdict for one in self.files} - {"excluded"} == {"ok"}

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        files = [
            {
                "path": one.path,
                "sha256": one.sha256,
                "size": one.size,
                "format": one.format,
                "facts": one.facts,
                "verdict": one.verdict,
                "level": one.level,
                "finding": one.finding,
                "message": one.message,
                "seen": one.seen,
            }
            for one in self.worst_first
        ]
        left = ("skipped", "excluded")
        missed = [{"path": one.path, "why": one.message} for one in self.worst_first if one.verdict in left]
        return {"files": files, "counts": self.counts, "not_looked_at": missed, "harmless": self.harmless}


@dataclass(frozen=True)
class Line:
    """`kind`: begin, outcome or end; `root` and `name` of what it is about; the outcome's value."""

    kind: str
    root: int = -1
    name: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)


def line_of(data: bytes) -> Line:
    """One line. Raises ValueError for what the scan never writes."""
    value = decode(data)
    if value == {"end": True}:
        return Line("end")
    match value:
        case {"begin": [int(root), str(name)]}:
            return Line("begin", root, name)
        case {"outcome": [int(root), {"name": str(name)} as told]}:
            rest = {str(key): one for key, one in told.items() if key != "name"}
            _check(name, rest)
            return Line("outcome", root, name, rest)
    raise ValueError("a line that the scan never writes")


def _check(name: str, value: Mapping[str, Any]) -> None:
    well = (
        {"name", *value} == _FIELDS
        and value["verdict"] in VERDICTS
        and all(isinstance(value[one], str) for one in ("sha256", "format", "finding", "message"))
        and _HEX.fullmatch(value["sha256"])
        and type(value["size"]) is int
        and isinstance(value["facts"], dict)
        and isinstance(value["seen"], dict)
        and (value["finding"] in SCAN_FINDINGS) == (value["verdict"] != "ok")
        and bool(value["format"]) == (value["verdict"] == "ok")
        and (value["verdict"] != "ok" or len(value["sha256"]) > 0)
    )
    if not well:
        raise ValueError(f"what the scan says about {name[:80]!r} is not in form")


def file_of(path: str, value: Mapping[str, Any]) -> ScannedFile:
    """The outcome of a line that was checked, under the path that a person knows."""
    return ScannedFile(
        path, cast("Verdict", value["verdict"]), **{one: value[one] for one in _FIELDS - {"name", "verdict"}}
    )


def failed(path: str, why: str) -> ScannedFile:
    """A file whose parser took the jail with it."""
    return ScannedFile(path, "failed", finding="LG420", message=f"the look at it did not end well: {why}")


def skipped(path: str, why: str, *, rest: bool = False) -> ScannedFile:
    """Something that was not looked at. `rest`: nor was more, of which it is only the first."""
    seen = {REST: True} if rest else {}
    return ScannedFile(path, "skipped", finding="LG474", message=f"it was not looked at: {why}", seen=seen)


def excluded(path: str, glob: str) -> ScannedFile:
    """Something that a person left out."""
    return ScannedFile(path, "excluded", finding="LG474", message=f"it was not looked at: --exclude {glob}")
