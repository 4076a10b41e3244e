"""By which policy each was judged, who approved it, which waivers hold for it, where it is deployed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lockgate.audit.approvals import approvals_of
from lockgate.audit.waivers import in_force, words
from lockgate.core.digest import short
from lockgate.project.differing.side import Side, table
from lockgate.project.differing.spec import Rows, Topic, pairs
from lockgate.project.pages import live_in, on_ladder_in

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.trust.policy import Policy


def policy(one: Side, other: Side) -> Topic:
    """The policy that was in force when each was registered, and what it said of each then."""
    found = [side.registration.policy for side in (one, other)]
    results = [_result(side) for side in (one, other)]
    facts = {
        key: {"digest": digest, "result": result}
        for key, digest, result in zip(("one", "other"), found, results, strict=True)
    }
    same = found[0] == found[1]
    said = results[1] if results[0] == results[1] else f"{results[0]}, now {results[1]}"
    says = f"the same policy {short(found[1])}" if same else f"policy {short(found[0])}, now {short(found[1])}"
    return Topic("policy", same=same, says=f"{says}; it said {said}", facts=facts)


def people(one: Side, other: Side, statements: Sequence[Evidence], in_policy: Policy, now: datetime) -> Topic:
    """Approvals that count, waivers in force, and where each is deployed, in every environment of the policy."""
    found = [_people(side, statements, in_policy, now) for side in (one, other)]
    facts = {"one": found[0], "other": found[1]}
    lines = list(pairs(_flat(found[0]), _flat(found[1])))
    if not lines:
        return Topic("people", same=True, says="the same approvals, waivers and deployments", facts=facts)
    rows: Rows = (("", one.ref, other.ref), *((name, before or "-", after or "-") for name, before, after in lines))
    return Topic(
        "people",
        same=False,
        says="; ".join(f"{name}: {_said(name, before)}, now {_said(name, after)}" for name, before, after in lines[:3]),
        rows=rows,
        facts=facts,
    )


def _result(side: Side) -> str:
    said = table(side.registration.evidence.predicate, "policy")
    return f"{said.get('result', '?')} in {said.get('environment', '?')}"


def _people(side: Side, statements: Sequence[Evidence], in_policy: Policy, now: datetime) -> dict[str, Any]:
    model = side.registration
    environments = in_policy.environments
    return {
        "approved": {
            name: sorted(each.person for each in approvals_of(model, name, statements)) for name in environments
        },
        "waived": {
            name: [words(each) for each in in_force(statements, rules, now) if each.manifest in (None, model.manifest)]
            for name, rules in environments.items()
        },
        "deployed": [*(f"live in {name}" for name in live_in(model, statements)), *on_ladder_in(model, statements)],
    }


def _said(name: str, value: str | None) -> str:
    return value or ("nowhere" if name == "deployed" else "nothing")


def _flat(found: dict[str, Any]) -> dict[str, str]:
    lines = {
        f"{kind} in {name}": ", ".join(said)
        for kind in ("approved", "waived")
        for name, said in found[kind].items()
        if said
    }
    return {**lines, **({"deployed": ", ".join(found["deployed"])} if found["deployed"] else {})}
