"""`lockgate export evidence`: verify, collect, try what must be denied, write one file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.core.digest import Digest, digest_of, from_hex
from lockgate.core.moments import rfc3339
from lockgate.core.shown import Lines, block
from lockgate.core.shown_html import Shown
from lockgate.errors import Refused, Usage
from lockgate.export.evidence import facts, zipped
from lockgate.export.evidence.page import page
from lockgate.export.evidence.spec import MOST_BYTES, MOST_FILES, MOST_RECORDS, PAGE, SUFFIX, VERIFIER, Case, Item
from lockgate.export.evidence.tlog_policy import tlog_policy
from lockgate.project.evidence import files
from lockgate.project.evidence.gathering import Gathered, gather
from lockgate.project.resources import verifier
from lockgate.store.files import publish, staged, writing
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.project.folder import Folder

DEFAULT_RECORDS = 20
_MOST_WRITTEN = MOST_BYTES // 2
"""Well below what an archive may hold: the index comes on top."""


@dataclass(frozen=True, repr=False)
class Exported(Shown):
    """The archive that was written."""

    ref: str
    manifest: Digest
    file: str
    digest: Digest
    size: int
    files: int
    root: str
    events: int
    records: int
    denied: int
    made: str
    revoked: str
    not_proved: tuple[str, ...]
    without: tuple[str, ...]
    verifier: Digest
    cosigned: tuple[str, ...] = ()
    """The witnesses that cosigned this very checkpoint of the event log."""
    unwitnessed: bool = False
    """The policy names witnesses, and none has."""

    @property
    def check(self) -> str:
        """What whoever receives it runs, with a root that they have from elsewhere."""
        return f"python3 -I lockgate_verify.py --root {self.root} {Path(self.file).name}"

    def text(self) -> Lines:
        """A few lines."""
        return block(
            [
                *([f"! {self.ref} is REVOKED: {self.revoked}"] if self.revoked else []),
                f"{self.file}   {self.size:,} bytes, {self.files:,} files   {self.digest}",
                f"{self.events:,} statements, {self.records} records of predictions, {self.denied} calls denied",
                f"left out: {', '.join(self.without) or 'nothing'}",
                *(["! no witness has cosigned this log as it is: lockgate log cosign, then export"] * self.unwitnessed),
                f"who receives it runs: {self.check}",
                f"lockgate_verify.py   {self.verifier}",
                "and gets that program from a release, and the root from you by another way than this file.",
            ]
        )

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            **vars(self),
            "revoked": self.revoked or None,
            "not_proved": list(self.not_proved),
            "without": list(self.without),
            "cosigned": list(self.cosigned),
            "check": self.check,
        }


@dataclass(frozen=True)
class Asked:
    """What is wanted: `out` "" is NAME-VERSION.evidence.zip here; `records`: of predictions, at most."""

    out: str = ""
    records: int = DEFAULT_RECORDS
    with_model: bool = False
    root: str = ""


def export(project: Folder, ref: str, asked: Asked, say: Callable[[str], None] = lambda _: None) -> Exported:
    """Write the evidence about one model into a new file that only this user may read.

    1. What is asked for can be: the number of records, a file that is not there yet.
    2. The model verifies, as by `verify REF`; what does not verify is not handed out.
    3. Calls that must be denied are made now, on throw-away copies, and are denied.
    4. The file gets its name only when it is whole.

    Raises Usage LG7040, Refused LG952 (1); VerificationFailed, Refused and Usage as `gather` (2); VerificationFailed
    LG7042 (3); Refused LG7043 too much for one archive; Unavailable LG801, LG958.
    """
    # 1.
    _check_records(asked.records)
    if asked.out:
        _check_new(Path(asked.out))
    # 2.
    say("verifying the log, the model and its chain")
    found = gather(project, ref, root=asked.root, records=asked.records)
    out = Path(asked.out or f"{found.case.name}-{found.case.version}{SUFFIX}")
    _check_new(out)
    # 3.
    say("trying what must be denied")
    found = _with_calls(project, found)
    # 4.
    say(f"writing {out}")
    case, items = _items(project, found, with_model=asked.with_model)
    count, size, digest = _write(out, case, items)
    return Exported(
        ref=case.ref,
        manifest=case.manifest,
        file=str(out),
        digest=digest,
        size=size,
        files=count,
        root=case.project,
        events=case.events.size,
        records=len(case.samples.chosen),
        denied=case.matrix.denied if case.matrix else 0,
        made=rfc3339(case.made),
        revoked=str(case.revoked.predicate.get("reason", "")) or "no reason given" if case.revoked else "",
        not_proved=tuple(case.not_proved),
        without=tuple(file.name for file, _ in case.without),
        verifier=digest_of(verifier()),
        cosigned=() if case.cosigned else tuple(sorted(case.witnesses)),
        unwitnessed=bool(case.policy.witnesses) and (bool(case.cosigned) or not case.witnesses),
    )


def _with_calls(project: Folder, found: Gathered) -> Gathered:
    from lockgate.project.evidence.calls.trying import tried

    matrix = tried(project, found.case)
    return replace(found, case=replace(found.case, matrix=matrix))


def _items(project: Folder, found: Gathered, *, with_model: bool) -> tuple[Case, list[Item]]:
    from lockgate.project.evidence.reports import reports

    registry = RegistryStore(project.home / "registry")
    model, without = files.of_model(found, registry, with_model=with_model)
    case = replace(found.case, without=tuple(without))
    case, more = reports(project, case)
    found = replace(found, case=case)
    items = [*files.of_logs(found), *model, *facts.items(case), *more, *_others(case)]
    drawn = page(case)
    items += files.readable(found, drawn.cited)
    items.append(Item(PAGE, drawn.content, "for people: begin here", "none"))
    return case, items


def _others(case: Case) -> Iterator[Item]:
    yield Item("policy.toml", case.policy.text.encode(), "the policy in force, as it was signed", "statement")
    yield Item("tlog-policy", tlog_policy(case), "the logs' keys and witnesses (C2SP tlog-policy)", "none")
    yield Item(VERIFIER, verifier(), "checks this archive; get it from elsewhere, or compare its digest", "none")


def _write(out: Path, case: Case, items: list[Item]) -> tuple[int, int, Digest]:
    if len(items) >= MOST_FILES or sum(one.size for one in items) > _MOST_WRITTEN:
        raise Refused(
            "LG7043",
            f"{case.ref}: its evidence is too much for one archive",
            seen={"files": len(items), "bytes": sum(one.size for one in items)},
            next=f"lockgate export evidence {case.ref} --records 0   # without --with-model",
        )
    with writing(out), staged(out.absolute().parent, 0o600) as (fd, temporary):
        with os.fdopen(os.dup(fd), "w+b") as stream:
            count = zipped.write(stream, case, items)
            stream.flush()
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.seek(0, os.SEEK_END)
        os.fsync(fd)
        try:
            publish(temporary, out)
        except FileExistsError:
            raise _is_there(out) from None
    return count, size, from_hex(digest)


def _check_records(records: int) -> None:
    if not 0 <= records <= MOST_RECORDS:
        raise Usage(
            "LG7040",
            f"--records is 0 to {MOST_RECORDS}",
            seen={"records": records},
            next="lockgate export evidence --help",
        )


def _check_new(out: Path) -> None:
    if os.path.lexists(out):
        raise _is_there(out)


def _is_there(out: Path) -> Refused:
    return Refused("LG952", f"{out} is there already", seen={"file": str(out)}, next="name a new file")
