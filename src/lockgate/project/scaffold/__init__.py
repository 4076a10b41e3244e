"""What `lockgate init` writes into a folder: a project that runs as it is.

Never writes over a file. A stranger's data file is looked at in a jail; only counts and a few values come out.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockgate.errors import Refused
from lockgate.project.resources import example
from lockgate.project.scaffold.beside import LOCK, WANTED, packages, training
from lockgate.project.scaffold.inferred import REFUSED, WARNED, Inferred, infer, reading_of, word
from lockgate.project.scaffold.looking import Look, look
from lockgate.project.scaffold.placing import Place, found, placed, renamed, write

STARTER = "phishing"
OURS = ("lockgate.toml", "contract.py")
UNLIKE = "LG9023"
_IGNORED = """# Lockgate: evidence is kept, what can be made again is not
.lockgate/state/
.lockgate/data/
.lockgate/env/
.lockgate/schema/
__pycache__/
"""


@dataclass(frozen=True)
class Made:
    """What was done: a line each, and as facts for `--json`."""

    lines: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def warns(line: str) -> bool:
        """Whether a line is one to look at."""
        return line.startswith(WARNED)


def scaffold(root: Path, *, data: Path | None = None, label: str = "") -> Made:
    """Write a project's files into `root`; return what was done.

    A folder that has a lockgate.toml keeps its files. `data` may be a pattern, such as `sales-*.csv`.

    Raises:
        Refused: LG949 the folder is neither empty nor a project; LG957 nothing can be learned from `data`; LG9021,
            LG9022 it is a spreadsheet, or a table without names; LG9024 a link is in the way of a file; what reading
            raises (LG102 to LG119).
        Usage: LG959 there is no such data file; LG956 no such label; LG9020 no label was named.
    """
    if (root / "lockgate.toml").is_file() and data is None:
        return Made((*_ignore(root), "this folder's own project is kept as it is"))
    foreign = sorted(e.name for e in root.iterdir() if e.name not in (".git", ".gitignore")) if root.is_dir() else []
    begun = [name for name in OURS if name in foreign]
    if foreign and (data is None or begun):
        what = f"{root} has a {begun[0]} already" if begun else f"{root} is not empty, and has no lockgate.toml"
        raise Refused("LG949", what, seen={"files": foreign[:10]}, next=_elsewhere(data, label))
    if data is None:
        return Made((*_copy_starter(root), *_ignore(root)))
    made = _from_data(root, data, label)
    return Made((*made.lines, *_ignore(root)), made.facts)


def _copy_starter(root: Path) -> list[str]:
    source = example(STARTER)
    shutil.copytree(
        source, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".lockgate", "make_*")
    )
    return ["a small project with data: contract.py, train.py, lockgate.toml, policy.toml, data/"]


def _from_data(root: Path, data: Path, label: str) -> Made:
    files, linked = found(data)
    name = re.sub(r"[^a-z0-9]+", "-", root.resolve().name.lower()).strip("-") or "model"
    names = [file.name for file in files]
    source = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    held = _held(root)
    own = training(held, _text(root / "train.py"))
    typed = f"lockgate init {word(str(root))} --data {word(str(data))}"
    with look(files, label) as seen:
        places = placed(files, seen.sources, root)
        inferred = infer(
            seen.profile,
            name=name[:60],
            source=source,
            label=label,
            sources=[place.name for place in places],
            own=own,
            typed=typed,
        )
        judged = _judged(inferred, seen, label)
        wrote = _write(root, inferred, seen, places, _elsewhere(data, label))
    notes = [*linked, *renamed(files, places), *([own.note] if own.note else ()), *packages(held)]
    facts = {
        "rows": seen.profile["rows"],
        "label": label,
        "settings": reading_of(seen.profile).as_json(),
        **inferred.as_json(),
        **judged.facts,
    }
    said = f"wrote {', '.join(wrote)}: read {root / 'contract.py'}"
    return Made((*inferred.notes, *judged.lines, *notes, said), facts)


def _elsewhere(data: Path | None, label: str) -> str:
    """What to type instead where a folder is in the way."""
    more = f" --data {word(str(data))} --label {word(label) if label else 'COLUMN'}" if data else ""
    return f"lockgate init NEW_FOLDER{more}"


def _held(root: Path) -> list[str]:
    return [entry.name for entry in root.iterdir()] if root.is_dir() else []


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def _write(root: Path, inferred: Inferred, seen: Look, places: Sequence[Place], elsewhere: str) -> list[str]:
    """Write what is not there yet; return its names. `elsewhere`: what to type where that cannot be."""
    sample = [{p.source: record[p.source] for p in inferred.parts if p.kept} for record in seen.profile["sample"]]
    texts = {**inferred.files, "sample.json": json.dumps({"records": sample}, indent=1, ensure_ascii=False) + "\n"}
    if not any((root / name).exists() for name in (LOCK, WANTED)):
        texts |= {name: (example(STARTER) / name).read_text(encoding="utf-8") for name in (WANTED, LOCK)}
    pairs = zip(places, seen.sources, strict=True)
    return write(root, texts, {place.name: source.path for place, source in pairs if place.copied}, elsewhere)


def _judged(inferred: Inferred, seen: Look, label: str) -> Made:
    """The contract tried on every row: what is said of the file is what `run` will find."""
    name = next(part.name for part in inferred.parts if part.source == label)
    found = seen.judge(inferred.files["contract.py"], reading_of(seen.profile), name)
    counts = f"{found.accepted:,} kept + {found.quarantined:,} quarantined = {found.rows:,} rows"
    lines = [f"contract.py tried on every row: {counts}", *differs(inferred, found.quarantined, found.by_rule)]
    return Made(tuple(lines), {"accepted": found.accepted, "quarantined": found.quarantined})


def differs(inferred: Inferred, quarantined: int, by_rule: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is said when the contract refuses more or fewer rows than its comments say."""
    if inferred.least <= quarantined <= inferred.most:
        return []
    worst = by_rule[0] if by_rule else {}
    said = f"{worst.get('count', 0):,} x {worst.get('field') or 'record'}: {worst.get('rule', '')}"
    between = f"{inferred.least:,} to {inferred.most:,}"
    return [f"{REFUSED}{quarantined:,} rows, where contract.py says {between} ({said}): lockgate explain {UNLIKE}"]


def _ignore(root: Path) -> list[str]:
    path = root / ".gitignore"
    if path.is_symlink():
        return [
            "doubt: .gitignore is a link, by which nothing is written: give it these lines, in a file of its own: "
            + ", ".join(_IGNORED.splitlines()[1:])
        ]
    if path.exists() and ".lockgate/state/" in path.read_text(encoding="utf-8"):
        return []
    with path.open("a", encoding="utf-8") as file:
        file.write(_IGNORED)
    return [".gitignore: the evidence is committed, what can be made again is not"]
