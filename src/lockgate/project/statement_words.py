"""What a statement that others signed would do here, in words that are looked up in the verified log. Pure.

Who signs reads this. What the statement calls a thing counts for nothing: a manifest, a statement or a policy is named
by what the log knows of its digest, and what the log does not know is refused. No field is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from lockgate.audit import alarms, deployments, drilled, entries, erasures, marks
from lockgate.audit.admission import check_stands_alone
from lockgate.audit.entries import Registration
from lockgate.audit.evidence import PENDING, Evidence, signed_time
from lockgate.audit.models import model_of
from lockgate.audit.said import check_fields, check_names
from lockgate.audit.waivers import what as waived
from lockgate.core.digest import Digest, digest_of, short
from lockgate.core.encoding import encode
from lockgate.core.moments import rfc3339
from lockgate.core.statement import Statement
from lockgate.errors import VerificationFailed
from lockgate.project.policies import compare
from lockgate.trust.policy import Policy

_TOLD_ELSEWHERE: Final = frozenset({"claim", "project"})


def words_of(statement: Statement, log: Sequence[Evidence]) -> tuple[str, ...]:
    """What a statement of one of the claims that persons make says, a line each.

    Raises Refused LG865 for another claim; VerificationFailed LG846 for what this log does not hold, LG526, LG841;
    Refused LG842 for a policy that cannot follow.
    """
    payload = statement.payload()
    when = signed_time(statement) or datetime.min.replace(tzinfo=UTC)
    one = Evidence(PENDING, digest_of(payload), payload, statement, statement.claim, "", "", "", when)
    check_stands_alone(one.claim)
    check_fields(one)
    check_names(one, entries.registrations(log))
    say, told = _WORDS[one.claim]
    lines = [*say(one, log)]
    rest = {key: value for key, value in one.predicate.items() if key not in told | _TOLD_ELSEWHERE}
    return (*lines, *(f"{key}: {_plain(value)}" for key, value in sorted(rest.items())))


def _policy(one: Evidence, log: Sequence[Evidence]) -> Iterator[str]:
    policy = Policy.from_predicate(one.predicate)
    if [subject.digest for subject in one.statement.subjects] != [policy.digest]:
        raise _strange(one, "its subject is another policy than its text", policy.digest)
    before = [Policy.from_predicate(each.predicate) for each in log if each.claim == "policy"]
    yield f"put policy version {policy.version} in force, {short(policy.digest)}"
    if before:
        policy.check_follows(before[-1])
        yield f"it follows version {before[-1].version}:"
        yield from [str(change) for change in compare(before[-1], policy)] or ["no rule changes"]


def _approve(one: Evidence, log: Sequence[Evidence]) -> Iterator[str]:
    found = entries.approvals([one])[0]
    yield f"approve {_model(one, found.manifest, log)} for {found.environment}"


def _waive(one: Evidence, log: Sequence[Evidence]) -> Iterator[str]:
    found = entries.waiver(one)
    about = "EVERY MODEL" if found.manifest is None else _model(one, found.manifest, log)
    words = waived(found.finding)
    if not words:
        raise _strange(one, f"{found.finding} is nothing that can be waived", found.finding)
    yield f"let {found.finding} ({words}) pass in {found.environment} for {about}, until {rfc3339(found.expires)}"
    for subject in one.statement.subjects if found.manifest is None else ():
        yield f"as a departure from {_policy_of(one, subject.digest, log)}"


def _revoke(one: Evidence, log: Sequence[Evidence]) -> Iterator[str]:
    targets = [subject.digest for subject in one.statement.subjects]
    named = [one.predicate[key] for key in ("manifest", "statement") if key in one.predicate]
    if len(named) != 1 or named[0] != targets[0]:
        raise _strange(one, "it names another thing than it is about", named)
    yield from (f"revoke for good {_anything(one, target, log)}" for target in targets)
    falls = [each for each in entries.registrations(log) if deployments.exposure(each, log).intersection(targets)]
    yield f"with it falls: {', '.join(each.ref for each in falls) or 'no model'}"


def _deploy(one: Evidence, log: Sequence[Evidence]) -> Iterator[str]:
    found = entries.deployments([one])[0]
    model = _model(one, found.manifest, log)
    if found.rung == entries.LIVE:
        yield f"make {model} live in {found.environment}, a move {found.move}"
    else:
        share = f"{found.share:.3g} of the traffic"
        yield f"put {model} on the rung {found.rung} with {share} in {found.environment}, a move {found.move}"
    before = "as the first one there"
    if found.predecessor is not None:
        earlier = entries.deployments([_statement(one, found.predecessor, log, "deploy")])[0]
        before = f"after {earlier.name}@{earlier.version} in {earlier.environment}, log entry {earlier.evidence.index}"
    yield f"{before}; no version below {found.floor} from then on"
    summary = entries.summary(_statement(one, found.summary, log, "promote"))
    result = "PASSED" if summary.passed else "FAILED"
    yield f"on the summary of log entry {summary.evidence.index}: {_model(one, summary.manifest, log)}, {result}"


def _authorise(one: Evidence, log: Sequence[Evidence]) -> Iterator[str]:
    found = entries.authorisation(one)
    until = rfc3339(found.expires)
    yield f"let {_model(one, found.manifest, log)} climb by itself in {found.environment}, until {until}"
    yield f"from rung to rung: {', '.join(f'{name} ({share:.3g} of the traffic)' for name, share in found.rungs)}"
    yield f"as long as {_policy_of(one, found.policy, log)}"


def _promote(one: Evidence, log: Sequence[Evidence]) -> Iterator[str]:
    found = entries.summary(one)
    policy = _policy_of(one, found.policy, log)
    verb = "met" if found.passed else "did NOT meet"
    where = one.predicate.get("environment")
    yield f"say that {_model(one, found.manifest, log)} {verb} {policy} in {where}"
    rests = [_statement(one, digest, log) for digest in found.inputs]
    yield f"resting on {', '.join(f'{each.claim} (log entry {each.index})' for each in rests) or 'nothing'}"


def _acknowledge(one: Evidence, log: Sequence[Evidence]) -> Iterator[str]:
    found = alarms.acknowledgement(one)
    said = alarms.alarm(_statement(one, found.alarm, log, "alarm"))
    if (said.manifest, said.environment) != (found.manifest, found.environment):
        raise _strange(one, "the alarm that it names is of another model or environment", found.alarm)
    names = ", ".join(stream.name for stream in said.streams)
    model = _model(one, found.manifest, log)
    yield f"answer the alarm of log entry {said.evidence.index} for {model} in {found.environment}: {names}"
    if found.accept is None:
        yield "it was seen; the reference stays what it is, and the test begins anew"
    else:
        start, stop = found.accept.start, found.accept.stop
        yield f"ACCEPT what entries {start} to {stop - 1} of the predictions counted AS THE REFERENCE from then on"


def _mark(one: Evidence, log: Sequence[Evidence]) -> Iterator[str]:
    found = marks.mark(one)
    marks.check_mark(found, log)
    judged = _statement(one, found.validate, log, "validate")
    name = model_of(one.statement) or "the project's own model"
    flagged = ", ".join(found.findings) or "nothing"
    rows = f"{found.rows:,} rows of {name}"
    yield f"mark {rows} {found.word.upper()}, as validate judged them in log entry {judged.index}"
    if found.word == "bad":
        yield "they, and rows that are equal to them, are quarantined from the next run on"
    else:
        yield f"they, and no more equal rows than were there, are NOT DOUBTFUL any more; flagged by {flagged}"
    yield f"which rows they are, says {marks.MARKS} ({found.marks}) alone"


def _erase(one: Evidence, _: Sequence[Evidence]) -> Iterator[str]:
    found = erasures.erasure(one)
    yield f"say that {found.text()}"
    yield f"whose they were, only who has the key of the gateway's pseudonyms can try: tag {found.tag.hex()}"


def _drill(one: Evidence, _: Sequence[Evidence]) -> Iterator[str]:
    found = drilled.drilled(one)
    yield f"say what came of {len(found.results)} attacks on a copy of this project, by lockgate {found.version}"
    for stopped, words in ((True, "stopped"), ("part", "stopped in part"), (False, "NOT STOPPED")):
        ids = [each.id for each in found.results if each.stopped == stopped]
        if ids:
            yield f"{words}: {', '.join(ids)}"


def _head(one: Evidence, log: Sequence[Evidence]) -> Iterator[str]:
    stage = str(one.predicate.get("stage"))
    target = _statement(one, one.predicate.get("target"), log, stage)
    if [subject.digest for subject in one.statement.subjects] != [target.digest]:
        raise _strange(one, "its subject is another statement than its target", target.digest)
    yield f"go back, in {stage}, to the statement of log entry {target.index}, {short(target.digest)}"


def _model(one: Evidence, manifest: Digest, log: Sequence[Evidence]) -> str:
    return f"{_registered(one, manifest, log).ref} ({manifest})"


def _registered(one: Evidence, manifest: Digest, log: Iterable[Evidence]) -> Registration:
    for each in entries.registrations(log):
        if each.manifest == manifest:
            return each
    raise _strange(one, "no model of this log has its manifest", manifest)


def _statement(one: Evidence, digest: object, log: Iterable[Evidence], claim: str = "") -> Evidence:
    for each in log:
        if each.digest == digest and claim in ("", each.claim):
            return each
    raise _strange(one, f"it names a {claim} statement that this log does not hold".replace("  ", " "), digest)


def _policy_of(one: Evidence, digest: Digest, log: Iterable[Evidence]) -> str:
    known = [Policy.from_predicate(each.predicate) for each in log if each.claim == "policy"]
    for policy in known:
        if policy.digest == digest:
            return f"policy version {policy.version}" + (
                ", which is in force" if policy is known[-1] else ", NOT in force"
            )
    raise _strange(one, "it names a policy that was never in force here", digest)


def _anything(one: Evidence, target: Digest, log: Sequence[Evidence]) -> str:
    """A model, a statement, or the data that a statement of the log took in."""
    for each in log:
        if each.digest == target:
            return f"the {each.claim} statement of log entry {each.index}, by {each.person}, and all that rests on it"
        if each.claim in ("ingest", "import") and target in {subject.digest for subject in each.statement.subjects}:
            return f"what the {each.claim} statement of log entry {each.index} took in ({target})"
    return _model(one, target, log)


def _strange(one: Evidence, what: str, seen: object) -> VerificationFailed:
    return VerificationFailed(
        "LG846",
        f"this {one.claim} statement is not signed: {what}",
        seen={"claim": one.claim, "seen": seen},
        next="fetch the log as it is now; then have the statement made anew",
    )


def _plain(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()


_Words = Callable[[Evidence, Sequence[Evidence]], Iterator[str]]

_MODEL: Final = frozenset({"name", "version", "manifest", "environment"})
_WORDS: Final[Mapping[str, tuple[_Words, frozenset[str]]]] = {
    "policy": (_policy, frozenset({"version", "digest", "text"})),
    "approve": (_approve, _MODEL),
    "waive": (_waive, frozenset({"environment", "finding", "manifest", "expires"})),
    "revoke": (_revoke, frozenset({"name", "version", "manifest", "statement", "of"})),
    "deploy": (_deploy, _MODEL | {"predecessor", "vsa", "floor", "move", "rung", "share"}),
    "authorise": (_authorise, _MODEL | {"policy", "rungs", "expires"}),
    "acknowledge": (_acknowledge, _MODEL | {"alarm", "accept"}),
    "mark": (_mark, frozenset({"mark", "rows", "marks", "validate", "findings", "model"})),
    "erase": (_erase, frozenset({"of", "salt", "tag", "began", "keys", "payloads", "parts", "labels"})),
    "drill": (_drill, frozenset({"result", "passedTests", "warnedTests", "failedTests", "drills", "configuration"})),
    "promote": (_promote, frozenset({"environment", "policy", "inputAttestations", "verificationResult"})),
    "head": (_head, frozenset({"stage", "target"})),
}
"""By claim: its words, and the fields that they tell; what they do not tell is shown as it is."""
