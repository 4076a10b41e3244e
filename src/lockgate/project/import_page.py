"""One imported model's page: whose it is, what Lockgate proves about it, and what it does not. Built from the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lockgate.audit.imports import Import
from lockgate.core.digest import Digest, short
from lockgate.core.moments import rfc3339
from lockgate.core.shown import Lines, block
from lockgate.core.shown_html import Shown
from lockgate.project.importing import NOT_PROVED

NOT_JAILED = "not jailed by Lockgate: served, if at all, by someone else's server"
PROVED = (
    "these very files, name by name and byte by byte, are those that were vouched for",
    "every file was parsed to its last byte in a jail and is of a form that cannot run code by being opened",
    "who took them in, when, and that no entry of this was changed since",
)
_UNWATCHED = (
    "anything about the server that loads it: it is not ours, and its answers are neither checked, limited, recorded "
    "nor watched"
)


@dataclass(frozen=True, repr=False)
class ImportPage(Shown):
    """The page of `name@version`. `signer`: fingerprint of the key whose signature was verified, "" for nobody."""

    ref: str
    kind: str
    manifest: Digest
    imported: str
    origin: str
    signer: str
    person: str
    how: str
    files: tuple[Mapping[str, Any], ...]
    revoked: bool

    @property
    def following(self) -> tuple[str, ...]:
        """The commands to run next."""
        return f"lockgate verify {self.ref} --materialize DIR", f"lockgate revoke {self.ref} --reason WHY"

    def text(self) -> Lines:
        """The page for a terminal."""
        signer = f"key {self.signer}, signature verified" if self.signer else "nobody"
        state = "REVOKED" if self.revoked else "made elsewhere"
        lines = [f"{self.ref}   {self.manifest}", f"{self.kind}, imported {self.imported}, {state}", NOT_JAILED, ""]
        lines += [f"from      {self.origin}", f"signed by {signer}"]
        lines += [f"vouched   by {self.person}, {_HOW.get(self.how, self.how)}", ""]
        lines += ["Lockgate proves about it:", *(f"    {each}" for each in PROVED), ""]
        lines += ["Lockgate does NOT prove:", *(f"    {each}" for each in (*NOT_PROVED, _UNWATCHED)), ""]
        lines += [f"{len(self.files)} files"]
        lines += [f"    {each['name']:<28} {each['size']:>13,} bytes   {short(each['digest'])}" for each in self.files]
        return block(lines)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        words = {"jailed": False, "proved": list(PROVED), "not_proved": [*NOT_PROVED, _UNWATCHED]}
        return {**asdict(self), **words}


_HOW = {"terminal": "who said yes to this digest", "digest": "who gave this digest"}


def import_page(one: Import, *, revoked: bool) -> ImportPage:
    """The page of an import whose statement was verified."""
    return ImportPage(
        one.ref,
        one.kind,
        one.manifest,
        rfc3339(one.evidence.time),
        one.origin,
        one.signer.keyid if one.signer else "",
        one.person,
        one.how,
        tuple({"name": file.name, "size": file.size, "digest": file.digest} for file in one.files),
        revoked,
    )
