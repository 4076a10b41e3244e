"""What a person's word may say, and that it says of a model what the log knows of it. Pure.

Readers look at the fields they need (`audit.entries`). Before a word is signed by another person, or sealed, nothing
else may stand in it: what no reader looks at, no reader sees, and a name that is not the manifest's deceives a person
who reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from lockgate.audit.alarms import ACKNOWLEDGE_FIELDS, ALARM_FIELDS
from lockgate.audit.drilled import DRILL_FIELDS
from lockgate.audit.erasures import ERASE_FIELDS
from lockgate.audit.marks import MARK_FIELDS
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.evidence import Evidence

_ALWAYS: Final = frozenset({"claim", "time", "project", "reason"})

FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "approve": _ALWAYS | {"environment", "name", "version", "manifest"},
    "waive": _ALWAYS | {"environment", "finding", "manifest", "expires"},
    "revoke": _ALWAYS | {"name", "version", "manifest", "statement", "of"},
    "deploy": _ALWAYS
    | {
        "environment",
        "name",
        "version",
        "manifest",
        "sequence",
        "predecessor",
        "rung",
        "share",
        "vsa",
        "floor",
        "move",
        "authorisation",
        "checks",
    },
    "authorise": _ALWAYS | {"environment", "name", "version", "manifest", "policy", "rungs", "expires"},
    "alarm": ALARM_FIELDS,
    "acknowledge": ACKNOWLEDGE_FIELDS,
    "mark": MARK_FIELDS,
    "erase": ERASE_FIELDS,
    "drill": DRILL_FIELDS,
    "head": _ALWAYS | {"stage", "target", "model"},
}
"""All fields of the words that persons say. Other claims are what a stage found out; they may say more."""

_TEXTS: Final = ("environment", "finding", "mark", "move", "name", "of", "reason", "rung", "stage")


def check_fields(one: Evidence) -> None:
    """Raises VerificationFailed (LG526) for a word with a field that it cannot have, or a text that is none."""
    known = FIELDS.get(one.claim)
    if known is None:
        return
    unknown = sorted(set(one.predicate) - known)
    wrong = [name for name in _TEXTS if not isinstance(one.predicate.get(name, ""), str)]
    if unknown or wrong:
        fields = ", ".join([*unknown, *wrong])
        raise VerificationFailed(
            "LG526",
            f"a {one.claim} statement says what it cannot: {fields}",
            seen={"statement": one.digest, "fields": [*unknown, *wrong], "known": sorted(known)},
            next="have it made anew by the command that makes it",
        )


def check_names(one: Evidence, known: Sequence[Registration]) -> None:
    """Raises VerificationFailed (LG526) when a word calls a registered model by another name than its own."""
    model = next((each for each in known if each.manifest == one.predicate.get("manifest")), None)
    if one.claim not in FIELDS or model is None:
        return
    said = [(one.predicate.get("name", model.name), one.predicate.get("version", model.version))]
    called = [subject.name for subject in one.statement.subjects if subject.digest == model.manifest]
    if said != [(model.name, model.version)] or any(name != model.ref for name in called):
        raise VerificationFailed(
            "LG526",
            f"this {one.claim} statement is about {model.ref}, and calls it by another name",
            seen={"model": model.ref, "called": [*called, *(f"{name}@{version}" for name, version in said)]},
            next="have it made anew by the command that makes it",
        )
