"""Questions about how the model is used: approvals, waivers, where it serves, alarms, receipts, rights. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit import deployments, entries
from lockgate.audit.entries import LIVE
from lockgate.audit.standing import ruled_by
from lockgate.audit.waivers import what as waived
from lockgate.core.digest import short
from lockgate.errors import LockgateError
from lockgate.export.evidence import words
from lockgate.export.evidence.cites import Cites
from lockgate.export.evidence.facts import promotions_for, waivers_for
from lockgate.export.evidence.html import Markup, heading, listing, paragraph, table
from lockgate.export.evidence.picture import field

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.export.evidence.spec import Attempt, Case

_MOST: Final = 40
_TABLES: Final[Mapping[str, str]] = {
    "signing": "Who may sign what",
    "log": "Who may write the log",
    "gateway": "Who may ask the gateway",
    "jail": "What training's jails could reach (told by the train statement)",
}


def used(case: Case, cites: Cites) -> Iterator[Markup]:
    """The questions in their order."""
    for ask in (_approved, _waived, _serving, _watched, _proved, _rights, _kept, _erased, _taken_back):
        yield from ask(case, cites)


def _about(case: Case, claim: str) -> list[Evidence]:
    return [one for one in case.of(claim) if one.predicate.get("manifest") == case.manifest]


def _line(one: Evidence, said: str, cites: Cites) -> Markup:
    who = words.listed(list(one.persons or (one.person,)))
    return Markup(" ".join((paragraph(f"{words.moment(one.time)}: {said}, by {who}.", cites.of(one)),)))


def _approved(case: Case, cites: Cites) -> Iterator[Markup]:
    found, passed = _about(case, "approve"), promotions_for(case)
    yield heading("Who approved it?", 3)
    if not found:
        asked = {name: one.approvals for name, one in case.policy.environments.items()}
        told = ", ".join(f"{name} asks for {count}" for name, count in sorted(asked.items()))
        yield paragraph(f"Nobody approved it by name. The policy in force: {told}.", mark="warn")
    for one in found[-_MOST:]:
        yield _line(one, f"approved for {one.predicate.get('environment')}", cites)
    for one in passed[-_MOST:]:
        result = "met" if one.predicate.get("verificationResult") == "PASSED" else "did not meet"
        yield _line(one, f"said that it {result} the policy of {one.predicate.get('environment')}", cites)
        yield from _let_pass(case, one)


def _let_pass(case: Case, summary: Evidence) -> Iterator[Markup]:
    """What the policy found, and did not refuse; and whether it refused at all."""
    where = summary.predicate.get("environment")
    try:
        weight = ruled_by(entries.summary(summary), case.statements).enforce
    except LockgateError:
        weight = "enforce"
    if weight != "enforce":
        word = {"warn": "was only warned of", "off": "was not looked at"}[weight]
        yield paragraph(
            f"The policy of {where} was not enforced then: a rule that was broken {word}, unless the policy says "
            "otherwise of that rule.",
            mark="warn",
        )
    reasons = summary.predicate.get("reasons")
    found = [each for each in reasons if isinstance(each, Mapping)] if isinstance(reasons, list) else []
    yield paragraph(f"What was found and let pass for {where}:" if found else f"Nothing was found for {where}.")
    yield listing(f"{each.get('finding')}: {each.get('message')}" for each in found[:_MOST])


def _waived(case: Case, cites: Cites) -> Iterator[Markup]:
    found = waivers_for(case)
    yield heading("What was waived, and why?", 3)
    if not found:
        yield paragraph("Nothing was waived for this model, or for every model.", cites.files("facts/waivers.json"))
    for one in found[-_MOST:]:
        finding = str(one.predicate.get("finding"))
        what = f"let {finding} ({waived(finding) or 'not known'}) pass in {one.predicate.get('environment')}"
        yield _line(one, f"{what} until {one.predicate.get('expires')}, because: {one.predicate.get('reason')}", cites)


def _serving(case: Case, cites: Cites) -> Iterator[Markup]:
    moves = _about(case, "deploy")
    yield heading("Where does it serve now, and since when?", 3)
    standing = [
        one
        for place in dict.fromkeys(str(one.predicate.get("environment")) for one in case.of("deploy"))
        for one in _standing(case, place)
        if one.manifest == case.manifest
    ]
    if not standing:
        yield paragraph("Nowhere, by the event log.")
    for one in standing:
        part = f"is on the step {one.rung}, with {one.share * 100:.3g} % of the traffic"
        rung = "gets all of the requests" if one.rung == LIVE else part
        since = f"In {one.environment} it {rung}, since {words.moment(one.evidence.time)}."
        yield paragraph(since, f"Reason given: {one.reason}." if one.reason else "", cites.of(one.evidence))
    rows = [
        (
            words.moment(one.time),
            str(one.predicate.get("environment")),
            f"{one.predicate.get('rung')}",
            f"{one.predicate.get('move')}",
            words.listed(list(one.persons or (one.person,))),
            cites.of(one),
        )
        for one in moves[-_MOST:]
    ]
    yield table(("when", "where", "step", "up or down", "by", ""), rows, "Every step of this model")
    yield paragraph(
        "The log says what was ordered. That a given machine does it, a receipt of an answer shows.",
        cites.files("facts/deployments.json"),
    )


def _standing(case: Case, environment: str) -> tuple[Any, ...]:
    try:
        return deployments.standing_now(environment, case.name, case.statements)
    except LockgateError:
        return ()


def _watched(case: Case, cites: Cites) -> Iterator[Markup]:
    yield heading("What was watched, what alarms came, and how were they answered?", 3)
    models = (case.monitored or {}).get("models") or []
    if not models:
        absent = (case.monitored or {}).get("absent") or "this model does not answer now"
        yield paragraph(f"Nothing could be measured now: {absent}.")
    for one in models:
        counted, streams = one["counted"], one["streams"]
        yield paragraph(
            f"In {one['environment']}, {words.count(counted.get('rows'))} rows that it was asked were compared with "
            f"those that it learned from, in {words.many(len(streams), 'respect')}. The chance of a false alarm over "
            f"its whole life is set to {one['false_alarms'] * 100:.3g} %.",
            cites.files("report/monitoring.json"),
        )
        yield paragraph(f"So far little is compared: {one['little']}." if one.get("little") else "")
    alarms = _about(case, "alarm")
    answers = {one.predicate.get("alarm"): one for one in case.of("acknowledge")}
    yield paragraph("" if alarms else "No alarm was ever signed for it.", cites.files("facts/alarms.json"))
    for one in alarms[-_MOST:]:
        names = [str(field(each, "name")) for each in one.predicate.get("streams") or ()]
        yield _line(one, f"alarm: what is asked differs in {words.listed(names[:5])}", cites)
        answer = answers.get(one.digest)
        if answer is None:
            yield paragraph("It was not answered.", mark="bad")
        else:
            yield _line(answer, f"answered: {answer.predicate.get('reason')}", cites)


def _proved(case: Case, cites: Cites) -> Iterator[Markup]:
    yield heading("Can a single answer be proved?", 3)
    if case.predictions is None:
        yield paragraph("Not with this archive: no log of answers that the project's sealer signs is here.")
        return
    yield paragraph(
        "Yes. Whoever is answered gets a receipt, and with it a record in a log to which the gateway only adds. The "
        "record holds no value and no name: only a sealed commitment, which opens for whoever has the question, the "
        "answer and the receipt."
    )
    found = case.samples
    here = {
        0: "No record of this model is here",
        1: "1 record of this model is here, with its proof",
    }.get(len(found.chosen), f"{len(found.chosen)} records of this model are here, each with its proof")
    yield paragraph(f"{here}; looked for among the entries {found.start:,} to {found.stop:,} of the log.")
    rows = [(str(one.index), words.moment(one.time), one.why, _record(one.index, cites)) for one in found.chosen]
    yield table(("entry", "when", "why this one", ""), rows)


def _record(index: int, cites: Cites) -> Markup:
    return cites.files(f"records/{index}.json", f"proofs/predictions/{index}.tlog-proof")


def _rights(case: Case, cites: Cites) -> Iterator[Markup]:
    yield heading("Who could do what?", 3)
    yield paragraph(f"Separation of persons: {case.separation}.", cites.files("facts/roles.json"))
    people: dict[str, list[str]] = {}
    for entry in (*case.roles.root_keys_valid().values(), *case.roles.keys.values()):
        if entry.keyid not in case.roles.revoked:
            people.setdefault(entry.person, []).append(entry.role)
    yield table(
        ("person or service", "signs as"), [(who, ", ".join(sorted(roles))) for who, roles in sorted(people.items())]
    )
    if case.matrix is None:
        return
    yield paragraph(
        f"Nobody should have to believe a table of rights. On {words.moment(case.matrix.time)} the exporter really "
        "made these calls, with throw-away keys in copies of this project's roles and log. Shown is what was answered; "
        "LG and a number name the rule that refused (lockgate explain LG817 tells it).",
        cites.files("access-matrix.json"),
    )
    for name, title in _TABLES.items():
        made = [one for one in case.matrix.attempts if one.table == name]
        draw = {"signing": _grid, "jail": _walls}.get(name, _calls)
        yield draw(made, title)


def _grid(made: list[Attempt], title: str) -> Markup:
    """For each who: what was allowed, how many other calls were refused, and with which findings."""
    rows = []
    for who in dict.fromkeys(one.who for one in made):
        own = [one for one in made if one.who == who]
        allowed = [one.what for one in own if one.answer == "allowed"]
        refused = [one for one in own if one.answer != "allowed"]
        findings = ", ".join(sorted({one.answer for one in refused}))
        denied = refused[0].what if len(refused) == 1 else f"{len(refused)} other statements"
        rows.append((who, "; ".join(allowed) or "nothing", f"{denied} ({findings})" if refused else "nothing"))
    return table(("who", "was allowed to sign", "was refused"), rows, title)


def _calls(made: list[Attempt], title: str) -> Markup:
    rows = [(one.who, one.what, one.answer if one.answer == "allowed" else f"refused ({one.answer})") for one in made]
    return table(("who", "tried to", "answer"), rows, title)


def _walls(made: list[Attempt], title: str) -> Markup:
    """A line for each thing that was tried, with the jails in which it was."""
    rows = []
    for what in dict.fromkeys(one.what for one in made):
        tried = [one for one in made if one.what == what]
        could = [one.who for one in tried if one.answer == "allowed"]
        answer = f"could, in {words.listed(could)}" if could else "could not"
        rows.append((what, ", ".join(one.who.removeprefix("jail ") for one in tried), answer))
    return table(("what was tried", "in the jails", "answer"), rows, title)


def _kept(case: Case, cites: Cites) -> Iterator[Markup]:
    yield heading("What is kept, and for how long?", 3)
    yield paragraph(
        "Lockgate removes no entry of either log: the log of events holds the statements, the log of answers holds "
        "commitments and no value. Beside them, by the policy in force:",
        cites.files("policy.toml", "facts/retention.json"),
    )
    rows = [
        (
            name,
            f"{one.serve.payload_days} days" if one.serve.payload_days else "not kept",
            "as long as the project" if one.serve.label_days is None else f"{one.serve.label_days} days",
            f"at least {one.serve.record_days} days",
        )
        for name, one in sorted(case.policy.environments.items())
    ]
    yield table(("environment", "what was asked and answered", "labels that came later", "records of the log"), rows)


def _erased(case: Case, cites: Cites) -> Iterator[Markup]:
    found = [one for one in case.statements if one.claim == "erase"]
    yield heading("What was erased?", 3)
    if not found:
        yield paragraph("Nothing, as far as the log says.", cites.files("facts/erasures.json"))
    for one in found[-_MOST:]:
        counts = (words.count(one.predicate.get("keys")), words.count(one.predicate.get("payloads")))
        yield _line(
            one,
            f"{counts[0]} keys destroyed, which opened {counts[1]} kept payloads: {one.predicate.get('reason')}",
            cites,
        )


def _taken_back(case: Case, cites: Cites) -> Iterator[Markup]:
    found = [one for one in case.statements if one.claim == "revoke"]
    yield heading("Was anything taken back?", 3)
    if case.revoked is not None:
        yield paragraph("Yes: this model, or something that it rests on.", cites.of(case.revoked), mark="bad")
    elif not found:
        yield paragraph("No: nothing in this project was ever revoked.", cites.files("facts/revocations.json"))
    else:
        yield paragraph("Not this model. In this project these were:", cites.files("facts/revocations.json"))
    yield listing(
        Markup(_line(one, f"revoked {_target(one)}: {one.predicate.get('reason')}", cites)) for one in found[-_MOST:]
    )


def _target(one: Evidence) -> str:
    named = one.predicate.get("name")
    return f"{named}@{one.predicate.get('version')}" if named else short(one.statement.subjects[0].digest)
