"""What the first process of each of training's jails tried before the code was started: read from the statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from lockgate.export.evidence.facts import jails_of
from lockgate.export.evidence.spec import Attempt

if TYPE_CHECKING:
    from lockgate.export.evidence.spec import Case

TOLD: Final[Mapping[str, str]] = {
    "interfaces": "see any network but its own loopback",
    "call socket AF_INET": "open a network socket",
    "call socket AF_INET6": "open a network socket (version 6)",
    "landlock tcp connect": "connect to another machine",
    "absent keys": "open the folder of signing keys",
    "absent project": "open the project's folder",
    "absent held-out rows": "open the rows that it is judged on",
    "unwritable /": "write outside of its own folders",
    "other processes": "see another process",
    "landlock signals": "signal a process outside",
    "capabilities": "use a privilege of root",
    "new privileges": "gain a privilege by starting a program",
    "nested user namespaces": "make a namespace of its own",
    "call keyctl": "read keys that the kernel keeps",
    "call memfd_create": "make memory that can be run",
}
"""The probes that a person understands, by name: the others are in the statement."""


def attempts(case: Case) -> Iterator[Attempt]:
    """One for each probe that was run and is told here. `expected` is what the statement must show for it to hold."""
    train = case.chain.get("train")
    for jail, report in jails_of(train).items() if train is not None else ():
        probes = report.get("probes")
        for probe in probes if isinstance(probes, list) else ():
            what = TOLD.get(str(probe.get("name"))) if isinstance(probe, Mapping) else None
            if what is None or train is None:
                continue
            answer = "refused" if probe.get("holds") is True else "allowed"
            where = f"log entry {train.index}"
            yield Attempt("jail", f"jail {jail}", what, answer, "refused", where, str(probe.get("witness", "")))
