"""The catalogue of threats: TOML in, frozen values out. Pure.

Promises: every key was declared, every control, boundary and reference that is named is there, and no id stands twice.
What needs the rest of the program (modules, findings, drills) is compared by tests, not here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

from lockgate.core.strict import Document, Key, Named, Table, list_of, number, one_of, read_strict, text
from lockgate.errors import Usage
from lockgate.threats.levers import LEVERS

Family = Literal[
    "data poisoning", "model extraction", "supply-chain attacks", "inference manipulation", "evidence", "out of scope"
]
Needs = Literal["always", "run", "deployed", "served", "imported"]
ProofKind = Literal[
    "ingest", "validate", "train", "judge", "scan", "register", "import", "deploy", "policy", "roles", "log", "drill"
]
Stride = Literal[
    "spoofing",
    "tampering",
    "repudiation",
    "information disclosure",
    "denial of service",
    "elevation of privilege",
]
FAMILIES: Final[tuple[str, ...]] = get_args(Family)
STAGES: Final = ("ingest", "validate", "train", "register", "deploy", "serve", "audit", "trust", "platform")
DRILL_DAYS: Final = 30.0
"""How long a drill's result proves something."""

_ID: Final = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_FINDING: Final = r"LG[1-9][0-9]{2,3}"
_REFERENCE: Final = r"[^@\s]+@[^@\s]+"

_Entry: TypeAlias = tuple[Document, str, Mapping[str, Any]]

_THREATS: Final = Table(
    {
        "title": Key(text(form=r".+")),
        "family": Key(one_of(*get_args(Family))),
        "stage": Key(one_of(*STAGES)),
        "scenario": Key(text(form=r"(?s).+")),
        "boundary": Key(text(form=_ID)),
        "stride": Key(list_of(one_of(*get_args(Stride)), least=1)),
        "references": Key(list_of(text(form=_REFERENCE)), ()),
        "controls": Key(list_of(text(form=_ID)), ()),
        "drills": Key(list_of(text(form=_ID)), ()),
        "needs": Key(one_of(*get_args(Needs)), "always"),
        "limit": Key(text(), ""),
        "out": Key(text(), ""),
    }
)
_CONTROLS: Final = Table(
    {
        "says": Key(text(form=r".+")),
        "modules": Key(list_of(text(form=r"lockgate(\.\w+)+"), least=1)),
        "findings": Key(list_of(text(form=_FINDING)), ()),
        "proof": Key(one_of(*get_args(ProofKind))),
        "fresh_days": Key(number(1, 36500), None),
        "rule": Key(one_of(*LEVERS), None),
        "also": Key(list_of(one_of(*LEVERS)), ()),
    }
)
_BOUNDARIES: Final = Table({"title": Key(text(form=r".+")), "from": Key(text()), "to": Key(text())})
_REFERENCES: Final = Table(
    {
        "title": Key(text(form=r".+")),
        "licence": Key(text(form=r".+")),
        "source": Key(text(form=r".+")),
        "names": Named(Key(text(form=r".+"))),
    }
)


@dataclass(frozen=True)
class Threat:
    """One threat. `out`: why it is out of scope; then it has neither controls nor drills."""

    id: str
    title: str
    family: str
    stage: str
    scenario: str
    boundary: str
    stride: tuple[str, ...]
    references: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    drills: tuple[str, ...] = ()
    needs: str = "always"
    limit: str = ""
    out: str = ""


@dataclass(frozen=True)
class Control:
    """One control.

    Attributes:
        modules: where it is.
        findings: what it refuses or warns with.
        proof: which statement shows that it was on; `drill`: nothing but a drill does.
        fresh_days: how old the proof may be; None: it does not age (a signature does not).
        rule: the lever of the policy that can switch it off (`threats.levers`); None: no policy can.
        also: levers that weaken it where they are off or looser than by default; nobody need ask for them.
    """

    id: str
    says: str
    modules: tuple[str, ...]
    findings: tuple[str, ...] = ()
    proof: str = "drill"
    fresh_days: float | None = None
    rule: str | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Boundary:
    """A place where something passes from one trust to another."""

    id: str
    title: str
    source: str
    target: str


@dataclass(frozen=True)
class Source:
    """A published catalogue that threats refer to. `names`: `id@version` -> its name there."""

    id: str
    title: str
    licence: str
    url: str
    names: Mapping[str, str]


@dataclass(frozen=True)
class Catalogue:
    """All of it: threats in the order of their ids, the rest in that of the files."""

    threats: Mapping[str, Threat]
    controls: Mapping[str, Control]
    boundaries: Mapping[str, Boundary]
    sources: Mapping[str, Source] = field(default_factory=dict)

    @property
    def references(self) -> Mapping[str, str]:
        """`id@version` -> name, of every source."""
        return {id_: name for source in self.sources.values() for id_, name in source.names.items()}


def read_catalogue(
    *,
    threats: Mapping[str, str],
    controls: Mapping[str, str],
    boundaries: Mapping[str, str],
    references: Mapping[str, str],
) -> Catalogue:
    """Read the catalogue's files, each kind as file name -> text. Raises Usage (LG9010) naming file and line."""
    listed = _read(threats, _THREATS, r"LT[0-9]{2}")
    found = Catalogue(
        {id_: Threat(id_, **value) for _, id_, value in sorted(listed, key=lambda one: one[1])},
        {id_: Control(id_, **value) for _, id_, value in _read(controls, _CONTROLS)},
        {
            id_: Boundary(id_, value["title"], value["from"], value["to"])
            for _, id_, value in _read(boundaries, _BOUNDARIES)
        },
        {
            id_: Source(id_, value["title"], value["licence"], value["source"], value["names"])
            for _, id_, value in _read(references, _REFERENCES)
        },
    )
    for document, id_, _ in listed:
        _check(found, found.threats[id_], document)
    return found


def _read(files: Mapping[str, str], schema: Table, form: str = _ID) -> list[_Entry]:
    """What every file has, in order. The ids are the names of its tables, whatever they are."""
    found: list[_Entry] = []
    for filename, content in files.items():
        document = read_strict(content, filename, Table(dict.fromkeys(_names(content), schema)), finding="LG9010")
        for id_, value in document.values.items():
            if not re.fullmatch(form, id_):
                raise _flaw(document, id_, f"{id_} is not an id here")
            if any(id_ == other for _, other, _ in found):
                raise _flaw(document, id_, f"{id_} stands twice")
            found.append((document, id_, value))
    return found


def _names(content: str) -> list[str]:
    try:
        return list(tomllib.loads(content))
    except ValueError:
        return []  # `read_strict` says where it is no TOML


def _check(found: Catalogue, threat: Threat, document: Document) -> None:
    """Raises Usage (LG9010) for a threat that names what is not there, or is neither in scope nor out."""
    for key, named, known in (
        ("controls", threat.controls, found.controls),
        ("references", threat.references, found.references),
        ("boundary", (threat.boundary,), found.boundaries),
    ):
        for one in named:
            if one not in known:
                raise _flaw(document, threat.id, f"{threat.id}: no {key} {one}", key)
    if threat.out and (threat.controls or threat.drills):
        raise _flaw(document, threat.id, f"{threat.id} is out of scope, and has controls or drills", "out")
    if not threat.out and not (threat.controls and threat.drills):
        raise _flaw(document, threat.id, f"{threat.id} has no control, or no drill")


def _flaw(document: Document, id_: str, what: str, *path: str) -> Usage:
    return Usage("LG9010", f"{document.where(id_, *path)}: {what}", next="report it: the catalogue is part of Lockgate")
