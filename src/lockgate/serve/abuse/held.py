"""Who is held back, as the file beside the spool has it. Pure. Those who share an address are not in it: their place is
a hash under a key that is drawn anew at each start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.core.digest import parse_digest
from lockgate.core.record_suspicion import LIMITED, OBSERVED, RULES
from lockgate.errors import VerificationFailed
from lockgate.serve.abuse.standing import Standing
from lockgate.serve.spec import About

if TYPE_CHECKING:
    from lockgate.serve.abuse.entities import Entity

_SCOPES = ("client", "cluster", "organisation")
_TEXTS = ("scope", "who", "client", "kind", "model", "environment", "rung")
_FIELDS = {*_TEXTS, "rules", "level", "since"}


@dataclass(frozen=True)
class Held:
    """One who is suspected. `client`: by whose row; `kind`: of that client."""

    standing: Standing
    about: About
    client: str
    kind: str


def render(held: Mapping[Entity, Held]) -> list[dict[str, Any]]:
    """As `parse` reads it."""
    return [
        {
            "scope": scope,
            "who": who,
            "client": one.client,
            "kind": one.kind,
            "rules": list(one.standing.rules),
            "level": one.standing.level,
            "since": one.standing.since,
            **one.about._asdict(),
        }
        for (scope, who), one in held.items()
        if scope in _SCOPES
    ]


def parse(listed: Sequence[Any]) -> dict[Entity, Held]:
    """Raises VerificationFailed LG6107 for what `render` does not write."""
    found: dict[Entity, Held] = {}
    for one in listed:
        try:
            entity, made = _one(one)
        except (ValueError, TypeError, KeyError):
            raise VerificationFailed(
                "LG6107",
                "the file of who is held back is malformed",
                next="remove the file abuse-*.json that is named in the log of lockgate serve",
            ) from None
        found[entity] = made
    return found


def _one(value: Any) -> tuple[Entity, Held]:
    if not isinstance(value, dict) or set(value) != _FIELDS or not all(isinstance(value[name], str) for name in _TEXTS):
        raise ValueError("not somebody who is held back")
    rules, level, since = value["rules"], value["level"], value["since"]
    if value["scope"] not in _SCOPES or not isinstance(rules, list) or not rules or not set(rules) <= set(RULES):
        raise ValueError("no scope or rule")
    if type(level) is not int or not OBSERVED <= level <= LIMITED or type(since) is not int or since < 0:
        raise ValueError("no level or moment")
    about = About(parse_digest(value["model"]), value["environment"], value["rung"])
    standing = Standing(level, tuple(rules), since)
    return (value["scope"], value["who"]), Held(standing, about, value["client"], value["kind"])
