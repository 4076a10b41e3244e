"""Facts of statements, each with the place where it stands, so that a verifier looks them up again. Pure.

    {"v": 1, "facts": [{"statement": "sha256:..", "index": N, "path": ["predicate", "rows"], "value": ...}, ...]}

Nothing is computed here. What had to be (a report's counts, the policy's settings) stands in files of another form,
which nothing but the exporter vouches for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lockgate.core.encoding import encode
from lockgate.export.evidence.spec import Case, Item

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

Path = tuple[str, ...]
_INSIDE: Final = ("buildDefinition", "internalParameters")
_JAIL: Final = ("level", "launcher", "settings")

QUARANTINE: Final[Sequence[Path]] = (("rows",), ("accepted",), ("quarantined",), ("max_quarantined_share",))
SCREEN: Final[Sequence[Path]] = tuple(
    ("screen", name) for name in ("rules", "looked", "flagged", "good", "doubtful", "settled", "more")
)
JUDGED: Final[Sequence[Path]] = tuple((name,) for name in ("task", "rows", "judged", "metrics", "parity", "result"))
ATTACKED: Final[Sequence[Path]] = (("robustness",), ("attacked",), ("control",))
DEPLOYED: Final[Sequence[Path]] = tuple(
    (name,) for name in ("environment", "version", "move", "rung", "share", "sequence", "floor", "reason", "time")
)
APPROVED: Final[Sequence[Path]] = (("environment",), ("manifest",), ("reason",), ("time",))
WAIVED: Final[Sequence[Path]] = (("environment",), ("finding",), ("reason",), ("expires",), ("time",))
REVOKED: Final[Sequence[Path]] = (("name",), ("version",), ("manifest",), ("statement",), ("reason",), ("time",))
PROMOTED: Final[Sequence[Path]] = (
    ("environment",),
    ("verificationResult",),
    ("policy",),
    ("reasons",),
    ("timeVerified",),
)
ROLES: Final[Sequence[Path]] = tuple(
    (name,) for name in ("version", "root", "keys", "thresholds", "revoked", "expires", "time")
)
ALARMS: Final[Sequence[Path]] = tuple((name,) for name in ("environment", "version", "rows", "action", "time"))
ANSWERED: Final[Sequence[Path]] = (("environment",), ("alarm",), ("reason",), ("time",))
ERASED: Final[Sequence[Path]] = tuple((name,) for name in ("time", "reason", "keys", "payloads", "files", "labels"))
MARKED: Final[Sequence[Path]] = (("mark",), ("rows",), ("findings",), ("reason",), ("time",))


@dataclass(frozen=True)
class Fact:
    """One value, and where it stands in which statement."""

    evidence: Evidence
    path: Path

    @property
    def value(self) -> Any:
        """The value there. Raises KeyError when there is none."""
        found: Any = self.evidence.predicate
        for key in self.path:
            found = found[key]
        return found


def facts_of(one: Evidence | None, paths: Iterable[Path]) -> Iterator[Fact]:
    """The facts at `paths` of a statement's predicate that are there."""
    for path in paths if one is not None else ():
        fact = Fact(one, path)  # type: ignore[arg-type]
        try:
            _ = fact.value
        except (KeyError, TypeError):
            continue
        yield fact


def encoded(facts: Iterable[Fact]) -> bytes:
    """A file of facts."""
    return encode(
        {
            "v": 1,
            "facts": [
                {
                    "statement": one.evidence.digest,
                    "index": one.evidence.index,
                    "path": ["predicate", *one.path],
                    "value": one.value,
                }
                for one in facts
            ],
        }
    )


def items(case: Case) -> Iterator[Item]:
    """`facts/*.json`: those that a verifier looks up in the statements."""
    chain, statements = case.chain, case.statements
    yield _item("sources", "what it learned from, as it was taken in", _sources(chain.get("ingest")))
    yield _item("quarantine", "rows taken in, kept and refused", facts_of(chain.get("validate"), QUARANTINE))
    yield _item("screen", "what the screen for poisoned rows found", facts_of(chain.get("validate"), SCREEN))
    yield _item("training", "how training was shut in", _training(chain.get("train")))
    yield _item("judge", "what was measured on rows that training never saw", facts_of(chain.get("judge"), JUDGED))
    yield _item("robustness", "what attacks on its inputs achieved", facts_of(chain.get("judge"), ATTACKED))
    about = [one for one in statements if one.predicate.get("manifest") == case.manifest]
    listed: Sequence[tuple[str, str, Sequence[Path], Sequence[Evidence]]] = (
        ("deployments", "where it was put, step by step", DEPLOYED, _claim("deploy", about)),
        ("approvals", "who approved it, and for where", APPROVED, _claim("approve", about)),
        ("waivers", "what was waived, by whom, why and until when", WAIVED, waivers_for(case)),
        ("revocations", "everything that was ever revoked in this project", REVOKED, _claim("revoke", statements)),
        ("promotions", "that it met the policy, and which", PROMOTED, promotions_for(case)),
        ("roles", "every version of who may sign what", ROLES, _claim("roles", statements)),
        ("alarms", "differences that the monitors called", ALARMS, _claim("alarm", about)),
        ("acknowledgements", "how persons answered them", ANSWERED, _claim("acknowledge", about)),
        ("marks", "what persons said of doubtful rows", MARKED, _claim("mark", statements)),
        ("erasures", "what was erased, and why", ERASED, _claim("erase", statements)),
    )
    for name, what, paths, found in listed:
        # An empty path would do, but a reader wants the fields: a statement without any of them still is named.
        facts = [fact for one in found for fact in (*facts_of(one, paths),) or (Fact(one, ()),)]
        yield _item(name, what, facts)


def empty(case: Case) -> frozenset[str]:
    """The files that mappings name, and that say nothing of this model: no fact, no attack, no record."""
    found = {one.path for one in items(case) if one.content == encoded(())}
    judge = case.chain.get("judge")
    if judge is None or not {"robustness", "attacked"} & {*judge.predicate}:
        found.add("facts/robustness.json")
    if not case.samples.chosen:
        found |= {"records/", "proofs/predictions/"}
    return frozenset(found | (set() if case.predictions else {"log/predictions/checkpoint"}))


def waivers_for(case: Case) -> list[Evidence]:
    """The waivers that are for this model, or for every one."""
    return [one for one in _claim("waive", case.statements) if one.predicate.get("manifest") in (None, case.manifest)]


def promotions_for(case: Case) -> list[Evidence]:
    """The verification summaries about this model."""
    return [one for one in _claim("promote", case.statements) if one.statement.is_about(case.manifest)]


def jails_of(train: Evidence | None) -> Mapping[str, Mapping[str, Any]]:
    """The report of each jail that a train statement tells of."""
    if train is None:
        return {}
    inside = train.predicate.get("buildDefinition", {}).get("internalParameters", {})
    jails = inside.get("jails") if isinstance(inside, Mapping) else None
    found = jails if isinstance(jails, Mapping) else {}
    return {str(name): report for name, report in found.items() if isinstance(report, Mapping)}


def _training(train: Evidence | None) -> Iterator[Fact]:
    for jail in jails_of(train):
        yield from facts_of(train, [(*_INSIDE, "jails", jail, name) for name in (*_JAIL, "denied", "limits")])
    yield from facts_of(train, [(*_INSIDE, name) for name in ("denied", "tainted", "fit", "leak")])
    yield from facts_of(train, [(*_INSIDE, "split", name) for name in ("how", "train", "heldout")])


def _sources(ingest: Evidence | None) -> Iterator[Fact]:
    paths = [("buildDefinition", "resolvedDependencies"), ("runDetails", "metadata")]
    yield from facts_of(ingest, paths)


def _claim(claim: str, statements: Iterable[Evidence]) -> list[Evidence]:
    return [one for one in statements if one.claim == claim]


def _item(name: str, what: str, facts: Iterable[Fact]) -> Item:
    return Item(f"facts/{name}.json", encoded(facts), what, "statement")
