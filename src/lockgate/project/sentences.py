"""One line about each statement, read from what it says. Pure; a field that is not there is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lockgate.audit.evidence import Evidence
from lockgate.contract.inputs import is_input
from lockgate.core.digest import short

_UNWITNESSED = "that no second log exists (no outside witness)"
_WITNESSED = "that no second log exists beyond what these witnesses cosigned, whom the project's own policy names"

NOT_PROVED = (
    "that the labels are right",
    "that who holds a key is who they say",
    "what the training code meant to do",
    "that this machine's clock is right",
    _UNWITNESSED,
)

_MOST_STREAMS = 4


def unproved(lines: Sequence[str], cosigned: Sequence[str]) -> tuple[str, ...]:
    """What is not proved, where `cosigned` tells who has seen the logs (`seen_by.told`)."""
    seen = any("cosigned by" in one for one in cosigned)
    return tuple(_WITNESSED if seen and one == _UNWITNESSED else one for one in lines)


def unproved_inputs(train: Evidence) -> tuple[str, ...]:
    """What is not proved of files that training was given besides its rows, such as a model that was made elsewhere."""
    listed = field(train.predicate, "buildDefinition", "resolvedDependencies") or []
    names = [str(each["name"]).removeprefix("input/") for each in listed if is_input(each)]
    return (f"that {', '.join(names)}, which training was given, had not seen the judged rows",) if names else ()


def sentence(one: Evidence) -> str:
    """What a statement says, in one line."""
    say = _SENTENCES.get(one.claim)
    return say(one) if say else one.claim


def number(value: Any) -> str:
    """A count with its separators, or `?`."""
    return f"{value:,}" if isinstance(value, int) else "?"


def field(value: Any, *path: str) -> Any:
    """A nested field of a predicate, or None."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def parameters(one: Evidence, which: str) -> Mapping[str, Any]:
    """`externalParameters` or `internalParameters` of a provenance."""
    found = field(one.predicate, "buildDefinition", which)
    return found if isinstance(found, Mapping) else {}


def _ingest(one: Evidence) -> str:
    listed = field(one.predicate, "buildDefinition", "resolvedDependencies") or []
    sources = [each for each in listed if not is_input(each)]
    rows = sum(r for r in (field(s, "annotations", "rows") for s in sources) if isinstance(r, int))
    return f"{len(sources)} files, {rows:,} rows   {short(one.statement.subjects[0].digest)}"


def _validate(one: Evidence) -> str:
    kept, refused, rows = (number(field(one.predicate, name)) for name in ("accepted", "quarantined", "rows"))
    return f"{kept} kept + {refused} quarantined = {rows}"


def _train(one: Evidence) -> str:
    inside = parameters(one, "internalParameters")
    reports = [report for report in (inside.get("jails") or {}).values() if isinstance(report, Mapping)]
    probes = [probe for report in reports for probe in report.get("probes") or []]
    held = sum(1 for probe in probes if field(probe, "holds") is True)
    level = min((report.get("level", 0) for report in reports), default="?")
    denied = inside.get("denied") or []
    extra = f", {len(denied)} denied attempts" if denied else ""
    launcher = reports[0].get("launcher", "?") if reports else "?"
    return f"jail level {level} of 3 ({launcher}), {held} of {len(probes)} probes held{extra}"


def _judge(one: Evidence) -> str:
    metrics = field(one.predicate, "metrics") or {}
    values = {name: field(metric, "value") for name, metric in list(metrics.items())[:2]}
    told = [f"{name} {value:.3f}" for name, value in values.items() if isinstance(value, float)]
    times = field(one.predicate, "judged")
    judged = {1: "judged once", None: ""}.get(times, f"judged {times} times")
    rows = f"{number(field(one.predicate, 'rows'))} rows that training never saw"
    return ", ".join(part for part in (rows, judged, *told) if part)


def _reproduce(one: Evidence) -> str:
    said = {"bytes": "the same bytes", "metrics": "metrics within the tolerance", "no": "NOT reproduced"}
    train = field(one.predicate, "train")
    about = f" (train statement {short(train)})" if isinstance(train, str) else ""
    return said.get(str(field(one.predicate, "reproduced")), "?") + about


def _scan(one: Evidence) -> str:
    return f"{field(one.predicate, 'result') or '?'}: {len(one.statement.subjects)} files by content, allowlist only"


def _register(one: Evidence) -> str:
    files = field(one.predicate, "files") or []
    return f"{field(one.predicate, 'name')}@{field(one.predicate, 'version')}, {len(files)} files, write-once"


def _import(one: Evidence) -> str:
    said = one.predicate
    vouched, signer = field(said, "vouched", "person"), field(said, "signer", "keyid")
    signed = f"signed by key {str(signer)[:12]}" if signer else "signed by nobody"
    how = {"terminal": "on a terminal", "digest": "by its digest"}.get(str(field(said, "vouched", "how")), "?")
    files = len(field(said, "files") or [])
    return f"{said.get('kind')} from {said.get('origin')}, {files} files, {signed}; {vouched} vouched for it {how}"


def _alarm(one: Evidence) -> str:
    names = [str(field(each, "name")) for each in field(one.predicate, "streams") or []]
    rest = f" and {len(names) - _MOST_STREAMS} more" if len(names) > _MOST_STREAMS else ""
    model = f"{field(one.predicate, 'name')}@{field(one.predicate, 'version')} in {field(one.predicate, 'environment')}"
    listed = ", ".join(names[:_MOST_STREAMS]) or "?"
    return f"{model} differs from its reference after {number(field(one.predicate, 'rows'))} rows: {listed}{rest}"


def _acknowledge(one: Evidence) -> str:
    accept = field(one.predicate, "accept")
    what = "it was seen" if accept is None else "what came since is the reference from then on"
    return f"alarm {short(str(field(one.predicate, 'alarm')))} of {field(one.predicate, 'environment')}: {what}"


def _mark(one: Evidence) -> str:
    found = ", ".join(str(each) for each in field(one.predicate, "findings") or []) or "nothing"
    what = field(one.predicate, "mark") or "?"
    return (
        f"{number(field(one.predicate, 'rows'))} rows are {what}; flagged by {found}: {field(one.predicate, 'reason')}"
    )


def _erase(one: Evidence) -> str:
    keys, labels = number(field(one.predicate, "keys")), number(field(one.predicate, "labels"))
    return f"{keys} keys of kept payloads destroyed, {labels} labels erased"


def _drill(one: Evidence) -> str:
    told = [
        f"{len(listed)} {word}"
        for key, word in (("passedTests", "stopped"), ("warnedTests", "in part"), ("failedTests", "NOT stopped"))
        if isinstance(listed := field(one.predicate, key), list) and listed
    ]
    return f"attacks on a copy of the project: {', '.join(told) or '?'}"


_SENTENCES: dict[str, Callable[[Evidence], str]] = {
    "ingest": _ingest,
    "validate": _validate,
    "train": _train,
    "judge": _judge,
    "reproduce": _reproduce,
    "scan": _scan,
    "register": _register,
    "import": _import,
    "alarm": _alarm,
    "acknowledge": _acknowledge,
    "mark": _mark,
    "erase": _erase,
    "drill": _drill,
}
