"""Sign what came of drills: they were played elsewhere, this is the project's word about it.

Trusted: whoever played them, and this program. What a judge's key says here makes no control hold; `threats` believes a
result only for the very program and policy that it names, and only for a while.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit.drilled import Played, drill_statement
from lockgate.errors import Unavailable

if TYPE_CHECKING:
    from lockgate.core.digest import Digest
    from lockgate.project.opened import Opened

__all__ = ["Played", "Signed", "sign"]

_NO_KEY: Final = frozenset({"LG830", "LG872"})
"""The judge's key is not here, or nobody can be asked for its passphrase."""


@dataclass(frozen=True)
class Signed:
    """A statement of drills. `index`: of its log entry; -1 where it went to `file`, to be sealed elsewhere."""

    digest: Digest
    index: int
    person: str
    file: str = ""

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {**vars(self), "file": self.file or None}

    def line(self) -> str:
        """For people."""
        return f"signed by {self.person} as judge   {self.file or f'log entry {self.index}'}"


def sign(
    project: Opened, played: Played, *, to_file: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> Signed | None:
    """Sign, as judge, what came of the drills that were played, and append it to the event log.

    None, and `say` tells why, where this user has no judge's key, there is nothing to sign, or another policy is in
    force than the one that was drilled: the results are shown all the same, and prove nothing to anybody else.

    Raises as `Project.workplace` and `Workplace.record`: a log that does not verify is no place for a word.
    """
    from lockgate.sandbox.machine import machine

    if not played.drills and not played.inapplicable:
        say("unsigned: no drill was played to its end")
        return None
    fitness = machine()
    told = {"level": fitness.level, "launcher": fitness.launcher, "kernel": os.uname().release}
    with project.workplace(to_file=to_file, say=say) as place:
        try:
            place.keyring.signer("judge")
        except Unavailable as error:
            if error.finding not in _NO_KEY:
                raise
            say(f"unsigned: {error.message}")
            return None
        if played.policy not in (None, place.policy.digest):
            say("unsigned: the policy changed while the drills were played; play them again")
            return None
        policy = (place.policy.digest, place.policy.version)
        statement = drill_statement(
            played, policy=policy, machine=told, log=place.ledger.checkpoint, now=place.now().replace(microsecond=0)
        )
        said = place.record("judge", statement)
    return Signed(said.digest, said.index, said.person, str(to_file or ""))
