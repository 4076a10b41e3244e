"""Who watches that a project's logs only grow: the witnesses that `policy.toml` names. Pure.

    [witness.example]                                  # a name of ours
    key = "witness.example.org/w1+8d66cf3f+BB..."      # vkey of type 0x04, as the witness prints it
    url = "https://witness.example.org"                # where it takes checkpoints; "": its lines are brought by hand

    [environment.prod]
    min_witnesses = 1
    max_witness_age = "1 d"

A witness holds no role: all that it can say is which tree of a log it has seen, and when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lockgate.core.checkpoint import COSIGNATURE, VerifierKey, parse_vkey
from lockgate.core.strict import Document, Item, Key, Kind, Named, Table, whole
from lockgate.errors import Usage
from lockgate.trust.policy_order import Compare, Difference, at_least, at_most, both
from lockgate.trust.policy_values import span

MOST_WITNESSES: Final = 16
LEAST_AGE: Final = 60.0
MOST_AGE: Final = 365 * 86400.0
_ADDRESS: Final = re.compile(
    r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([1-9][0-9]{0,4}))?(?:/[A-Za-z0-9._~/-]{0,500})?"
)
_HERE: Final = re.compile(r"http://(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?:[:/]|\Z)")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True)
class Witness:
    """`name`: ours, unlike that of its key. `url`: its submission prefix, without a slash at its end; "" by hand."""

    name: str
    key: VerifierKey
    url: str = ""


def _vkey() -> Kind:
    def read(value: object) -> VerifierKey:
        if not isinstance(value, str):
            raise ValueError
        return parse_vkey(value, COSIGNATURE)

    return Kind(
        'a verifier key of type 0x04, "NAME+ID+BASE64", as `lockgate log witness` prints it', read, {"type": "string"}
    )


def _url() -> Kind:
    def read(value: object) -> str:
        if value == "":
            return ""
        found = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
        if found is None or not 0 < int(found[1] or 443) < 1 << 16:
            raise ValueError
        if found[0].startswith("http://") and not _HERE.match(found[0]):
            # That a witness has seen another log it says unsigned: in the clear, anybody on the way could cry fork.
            raise ValueError
        return found[0].rstrip("/")

    expects = (
        "an address that begins with https://, or with http:// and this machine (localhost, 127.0.0.1, [::1]), without "
        'a user, a query or a fragment, or ""'
    )
    return Kind(expects, read, {"type": "string"})


TABLE: Final = Named(
    Table(
        {
            "key": Key(_vkey(), help="What its cosignatures are verified with."),
            "url": Key(_url(), "", 'Where it takes checkpoints; "": its lines are brought by hand (log cosign).'),
        }
    ),
    "Witnesses of both logs, by a name of yours. At most 16.",
)

SETTINGS: Final[Mapping[str, Item]] = {
    "min_witnesses": Key(whole(0, MOST_WITNESSES), 0, "Witnesses who must have cosigned the event log; 0: nobody."),
    "max_witness_age": Key(span(LEAST_AGE, MOST_AGE), None, "Oldest cosignature that counts, by its own time."),
}

compare: Final[Compare] = both(at_least("min_witnesses"), at_most("max_witness_age"))


def witnesses_of(document: Document) -> Mapping[str, Witness]:
    """The witnesses that a policy names. Raises Usage LG840 with file and line.

    No two of them have one key: whoever holds it would count twice.
    """
    found: dict[str, Witness] = {}
    for name, values in (document.values["witness"] or {}).items():
        if not _NAME.fullmatch(name) or len(found) == MOST_WITNESSES:
            raise _flaw(document, name, f"at most {MOST_WITNESSES} witnesses, each named by a short lower-case word")
        witness = Witness(name, values["key"], values["url"])
        same = [one.name for one in found.values() if one.key.public_key == witness.key.public_key]
        if same:
            raise _flaw(document, name, f"{name} and {same[0]} have the same key: one witness would count twice")
        found[name] = witness
    return found


def check_enough(document: Document, witnesses: Mapping[str, Witness], asked: Mapping[str, int]) -> None:
    """Raises Usage LG840 where an environment demands more witnesses than there are. `asked`: by environment."""
    for environment, least in asked.items():
        if least > len(witnesses):
            where = document.where("environment", environment, "min_witnesses")
            raise Usage(
                "LG840",
                f"{where}: min_witnesses = {least}, and {len(witnesses)} are named: write [witness.NAME]",
                seen={"environment": environment, "min_witnesses": least, "witnesses": sorted(witnesses)},
                next=f"edit {document.filename}",
            )


def differences(old: Mapping[str, Witness], new: Mapping[str, Witness]) -> Iterator[Difference]:
    """What became looser and what stricter. Whoever is new may stand in for another; whoever is gone cannot."""
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if (was and was.key) != (now and now.key):
            if now is not None:
                yield Difference(f"witness {name}", was.key.line() if was else "-", now.key.line(), "looser")
            if was is not None:
                yield Difference(f"witness {name}", was.key.line(), now.key.line() if now else "gone", "stricter")


def _flaw(document: Document, name: str, what: str) -> Usage:
    return Usage(
        "LG840",
        f"{document.where('witness', name)}: {what}",
        seen={"witness": name},
        next=f"edit {document.filename}",
    )


def facts(witness: Witness) -> dict[str, Any]:
    """For `--json`."""
    return {"name": witness.name, "key": witness.key.line(), "url": witness.url}
