"""Where one of the two was made elsewhere: its files, and who vouched for them. Its making is not known. Pure."""

from __future__ import annotations

from lockgate.audit.entries import Registration
from lockgate.audit.imports import Import
from lockgate.core.digest import Digest, short
from lockgate.project.differing.spec import Rows, Topic, few, pairs, plural

_UNKNOWN = (
    "sources",
    "rows",
    "columns",
    "contract",
    "code",
    "packages",
    "settings",
    "split",
    "metrics",
    "jails",
    "policy",
)
Model = Registration | Import


def topics(one: Model, other: Model) -> tuple[Topic, ...]:
    """Files and origin; all else is unknown."""
    brought = " and ".join(each.ref for each in (one, other) if isinstance(each, Import))
    unknown = [Topic(name, same=None, says=f"not known of {brought}, which was imported") for name in _UNKNOWN]
    return (_files(one, other), _origin(one, other), *unknown)


def _files(one: Model, other: Model) -> Topic:
    then, now = ({file.name: (file.digest, file.size) for file in model.files} for model in (one, other))
    found = list(pairs(then, now))
    facts = {"differs": {name: [before and before[0], after and after[0]] for name, before, after in found}}
    if not found:
        return Topic("files", same=True, says=f"the same {plural(len(now), 'file')}", facts=facts)
    rows: Rows = (
        ("file", one.ref, other.ref),
        *((name, _file(before), _file(after)) for name, before, after in found[:30]),
    )
    says = f"{plural(len(found), 'file')}: {few([name for name, _, _ in found])}"
    return Topic("files", same=False, says=says, rows=rows, facts=facts)


def _origin(one: Model, other: Model) -> Topic:
    found = [_came(model) for model in (one, other)]
    says = found[1] if found[0] == found[1] else f"{found[0]}; now {found[1]}"
    return Topic("origin", same=found[0] == found[1], says=says, facts={"one": found[0], "other": found[1]})


def _came(model: Model) -> str:
    if isinstance(model, Registration):
        return "made in this project"
    signed = f"signed by {model.signer.keyid[:12]}" if model.signer else "signed by nobody"
    return f"a {model.kind} from {model.origin}, {signed}, vouched for by {model.person}"


def _file(found: tuple[Digest, int] | None) -> str:
    return "-" if found is None else f"{found[1]:,} bytes, {short(found[0])}"
