"""Rows shown to a person, and picked for a mark: a jail reads the files, which others wrote. The host's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.contract.findings import clean
from lockgate.contract.jailed import Task, run_task
from lockgate.contract.spec import ACCEPTED, QUARANTINE
from lockgate.core.encoding import decode_exact
from lockgate.core.screen import FINDINGS, RULES
from lockgate.errors import Refused
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import read_regular

SCREEN = "screen.parquet"
MARKS = "marks.parquet"

_REVIEW = "review.json"
_MAX_JSON = 64 << 20
_ROW = {"source", "row", "score", "flags", "good", "mark", "values"}
_REFUSED = {"source", "row", "field", "rule", "message"}


@dataclass(frozen=True)
class Files:
    """What validate gave, by place; `screen`: None where the screen did not run. `marks`: word and file, oldest first.

    `named`: the bits of the findings that each mark names. `sources`: the names of the files that rows come from, by
    number. `sensitive`: fields whose values are not shown; `label`: the one that is shown first.
    """

    accepted: Path
    quarantine: Path
    screen: Path | None
    marks: Sequence[tuple[str, Path]]
    sources: Sequence[str]
    sensitive: Sequence[str]
    label: str = ""
    named: Sequence[int] = ()


@dataclass(frozen=True)
class Row:
    """One accepted row.

    Attributes:
        row: zero-based, within its source.
        score: how doubtful its label is, 0 to 1; None where nothing can be said.
        findings: ids of the rules that flag it.
        settled: whether the newest screen counts it as marked good; `mark`: the last word on it now, or None.
        fields: its values by name, those of sensitive fields left out.
    """

    source: str
    row: int
    score: float | None
    findings: tuple[str, ...]
    settled: bool
    mark: str | None
    fields: Mapping[str, Any]

    @property
    def place(self) -> str:
        """As `lockgate review mark` takes it: `FILE:12`."""
        return f"{self.source}:{self.row}"


@dataclass(frozen=True)
class Group:
    """The rows that a rule flags: how many, and the most doubtful of them."""

    found: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Refusal:
    """One reason for which a row is in the quarantine."""

    source: str
    row: int
    field: str
    rule: str
    message: str


@dataclass(frozen=True)
class Picked:
    """Rows that somebody is about to mark.

    Attributes:
        rows: how many there are, with those that are equal to one of the `asked` ones.
        said: how many of them have which last word already.
        found: the findings that they are of, by their place in the screen's list, and how many are of each.
        file: their fields. `unknown`: the first of those that are no accepted rows; `missing`: how many there are.
    """

    rows: int
    asked: int
    said: Mapping[str, int]
    found: tuple[tuple[int, int], ...]
    findings: tuple[str, ...]
    first: tuple[Row, ...]
    unknown: tuple[str, ...]
    missing: int
    file: Path


@dataclass(frozen=True)
class Seen:
    """What the jail told. `unreadable`: places of marks that cannot be applied to rows of these fields."""

    groups: Mapping[str, Group]
    quarantine: tuple[Refusal, ...]
    unreadable: tuple[int, ...]
    picked: Picked | None


@dataclass(frozen=True)
class Pick:
    """Which rows to mark: those at (source, row), or all that a rule flags and of which nobody has said anything."""

    rows: Sequence[tuple[int, int]] | None
    rule: str | None
    salt: str


def look(
    files: Files,
    into: Path,
    *,
    rules: Sequence[str] = (),
    limit: int = 0,
    quarantined: bool = False,
    number: int | None = None,
    pick: Pick | None = None,
) -> Seen:
    """What `files` say of the rows that `rules` flag, of `limit` each; of the quarantine; of those to `pick`.

    `number`: only rows of this finding, by its place in the screen's list.

    Raises Refused LG247 when the files do not fit each other, or cannot be read.
    """
    given = {
        "masks": [_mask(rule) for rule in rules],
        "rows": None if pick is None or pick.rows is None else [list(one) for one in pick.rows],
        "mask": _mask(pick.rule) if pick and pick.rule else 0,
        "number": number,
        "limit": limit,
        "sensitive": list(files.sensitive),
        "words": [word for word, _ in files.marks],
        "named": list(files.named),
        "salt": pick.salt if pick else None,
        "screened": files.screen is not None,
        "quarantined": quarantined,
    }
    task = Task(
        module="lockgate.validate.jail.review",
        given=given,
        gives=(_REVIEW, MARKS),
        findings={"LG247"},
        died="LG247",
        work="reading the rows under review",
        next="lockgate validate",
    )
    given_back, _ = run_task(_settings(files), task, into)
    try:
        return _seen(decode_exact(read_regular(given_back[_REVIEW], _MAX_JSON)), files, rules, given_back[MARKS])
    except (ValueError, TypeError, KeyError, IndexError) as error:
        message = f"the jail that reads the rows under review gave no account in form: {error}"
        raise Refused("LG247", clean(message), next="lockgate validate") from None


def _settings(files: Files) -> Any:
    binds = [Bind(files.accepted, f"/in/{ACCEPTED}"), Bind(files.quarantine, f"/in/{QUARANTINE}")]
    if files.screen is not None:
        binds.append(Bind(files.screen, f"/in/{SCREEN}"))
    binds += [Bind(path, f"/in/marks/{place}.parquet") for place, (_, path) in enumerate(files.marks)]
    output = max(256 << 20, 2 * files.accepted.stat().st_size)
    return named("parse", python=PythonEnv.own(), limits=Limits(output_bytes=output), binds=binds)


def _seen(value: Any, files: Files, rules: Sequence[str], marks: Path) -> Seen:
    if not isinstance(value, dict) or set(value) != {"names", "groups", "quarantine", "unreadable", "picked"}:
        raise ValueError("it has other parts")
    names = _names(value["names"], files)
    groups = [
        Group(_count(one["found"]), tuple(_row(row, names, files) for row in one["rows"])) for one in value["groups"]
    ]
    refused = tuple(_refusal(one) for one in value["quarantine"])
    picked = None
    if value["picked"] is not None:
        said = value["picked"]
        unknown = tuple(f"{files.sources[_count(source)]}:{_count(row)}" for source, row in said["unknown"])
        first = tuple(_row(row, names, files) for row in said["first"])
        flags = _findings(_count(said["flags"]))
        words = {word: _count(said["said"][word]) for word in ("good", "bad")}
        of = tuple((_count(place), _count(rows)) for place, rows in said["found"])
        counts = _count(said["rows"]), _count(said["asked"])
        picked = Picked(*counts, words, of, flags, first, unknown, _count(said["missing"]), marks)
    unreadable = tuple(_count(place) for place in value["unreadable"])
    return Seen(dict(zip(rules, groups, strict=True)), refused, unreadable, picked)


def _names(value: Any, files: Files) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("the names of fields are texts")
    if set(value) & {*files.sensitive}:
        raise ValueError("it tells a field that is not to be shown")
    return [clean(name, 200) for name in value]


def _row(value: Any, names: Sequence[str], files: Files) -> Row:
    if not isinstance(value, dict) or set(value) != _ROW or not isinstance(value["values"], list):
        raise ValueError("a row has other parts")
    score, mark = value["score"], value["mark"]
    if mark not in (None, "good", "bad") or not (score is None or isinstance(score, float | int)):
        raise ValueError("a row's score or mark is none")
    told = {name: _value(one) for name, one in zip(names, value["values"], strict=True)}
    fields = dict(sorted(told.items(), key=lambda item: item[0] != files.label))
    findings = _findings(_count(value["flags"]))
    source = files.sources[_count(value["source"])]
    return Row(source, _count(value["row"]), score, findings, value["good"] is True, mark, fields)


def _refusal(value: Any) -> Refusal:
    if not isinstance(value, dict) or set(value) != _REFUSED:
        raise ValueError("a quarantined row has other parts")
    texts = {name: clean(str(value[name]), 200) for name in ("source", "field", "rule", "message")}
    return Refusal(row=_count(value["row"]), **texts)


def _value(value: Any) -> Any:
    return clean(value, 200) if isinstance(value, str) else value if isinstance(value, bool | int | float) else None


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a number of rows is none")
    return value


def _findings(flags: int) -> tuple[str, ...]:
    return tuple(FINDINGS[rule] for bit, rule in enumerate(RULES) if flags >> bit & 1)


def _mask(rule: str) -> int:
    return 1 << [*RULES].index(rule)  # type: ignore[arg-type]
