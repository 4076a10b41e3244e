"""`[monitor]` of lockgate.toml."""

from __future__ import annotations

import re
from dataclasses import replace

from lockgate.core.kinds import LITERAL, reference
from lockgate.core.strict import Document, Key, Kind, Table, list_of, one_of, text, whole
from lockgate.errors import Usage
from lockgate.monitor.spec import MonitorSpec

MOST_STRIDE, MOST_WINDOW, MOST_RATE = 64, 10_000, 100_000


def _address() -> Kind:
    def read(value: object) -> object:
        if value == "":
            return value
        if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s\0/@]+(?:/[^\s\0]*)?", value):
            # A login, or a token in it, is not to be quoted by a message.
            return LITERAL if isinstance(value, str) and "@" in value else _refuse()
        return value

    return Kind("an address without a login: https://HOST/PATH", read, {"type": "string"})


def _refuse() -> object:
    raise ValueError


TABLE = Table(
    {
        "strata": Key(
            list_of(one_of("hour", "weekday", "site")), (), "Rows are compared with those of the same hour, day, site."
        ),
        "time": Key(text(), "", "The field that says hour and weekday (UTC); without it that of [data] time."),
        "site": Key(text(), "", "The field that says the site."),
        "unit": Key(
            one_of("row", "session"), "row", "Count each row, or one row of a client until half an hour of silence."
        ),
        "stride": Key(
            whole(0, MOST_STRIDE), 0, "Count every so many rows; 0: as the neighbours of the reference demand."
        ),
        "window": Key(whole(100, MOST_WINDOW), 1000, "Rows, as they come, after which a gateway writes its counts."),
        "exclude": Key(list_of(text()), (), "Fields that are not watched."),
        "most_rows": Key(whole(1, MOST_RATE), 2000, "Most rows a second that a gateway looks at; others are skipped."),
        "webhook": Key(_address(), "", "Who is told of an alarm, where the policy allows it: https://HOST/PATH."),
        "webhook_secret": Key(reference(), "", "A reference to a bearer token that the webhook is told with."),
    }
)


def of(document: Document) -> MonitorSpec:
    """The settings that were read. Raises Usage: LG641 half said, LG124 a secret where a reference belongs."""
    values = document.values["monitor"]
    for key, expects in (("webhook", "an address without a login"), ("webhook_secret", reference().expects)):
        if values[key] is LITERAL:
            raise Usage(
                "LG124",
                f"{document.where('monitor', key)}: monitor.{key} expects {expects}, never the secret itself",
                seen={"file": document.filename, "key": key},
                next='refer to it: webhook_secret = "env:NAME"; and change the secret, for it was in a file',
            )
    spec = MonitorSpec(**{**values, "strata": tuple(values["strata"]), "exclude": tuple(values["exclude"])})
    if {"hour", "weekday"} & {*spec.strata} and not spec.time:
        spec = replace(spec, time=document.values["data"]["time"])
    for unit in spec.strata:
        needed = "site" if unit == "site" else "time"
        if not getattr(spec, needed):
            raise _flaw(document, "strata", f'"{unit}" needs {needed}, the field that says it', spec.strata)
    if len(set(spec.strata)) != len(spec.strata):
        raise _flaw(document, "strata", "names one twice", spec.strata)
    return spec


def _flaw(document: Document, key: str, what: str, seen: object) -> Usage:
    where = f"{document.where('monitor', key)}: monitor.{key}: {what}"
    return Usage("LG641", where, seen={key: seen}, next=f"edit {document.filename}")
