"""What an archive of evidence is made from, and what lies in it. Pure.

INDEX.html  index.json  verify.py                     the page, the list of all files, the verifier
log/<name>/checkpoint   log/events/leaves             the signed notes; every leaf of the event log
statements/<hex of the envelope's SHA-256>.json       every statement, the exact envelope
records/<index>.json    proofs/predictions/<index>.tlog-proof
model/{manifest.json,model.sig,<name as signed>}      what was registered
policy.toml  tlog-policy  mapping.json
readable/<index>.json  facts/*.json  report/*  access-matrix.json
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from lockgate.core.digest import Digest, digest_of

if TYPE_CHECKING:
    from datetime import datetime

    from lockgate.audit.entries import FileEntry, Registration
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.imports import Import
    from lockgate.core.verdict import Reason
    from lockgate.trust.policy import Policy
    from lockgate.trust.roles import Roles

Proved = Literal["log", "statement", "none"]
"""What stands behind a file: the signed log itself, a digest in a statement of it, or nothing but the exporter."""

SUFFIX: Final = ".evidence.zip"
INDEX, PAGE, VERIFIER = "index.json", "INDEX.html", "verify.py"
KIND: Final = "lockgate-evidence"
MOST_RECORDS: Final = 100
MOST_FILES: Final = 20_000
MOST_BYTES: Final = 1 << 30
"""What one archive holds at most: a person opens it, and the verifier reads it whole."""
STAGES: Final = ("ingest", "validate", "train", "judge", "scan", "register")


@dataclass(frozen=True)
class Streamed:
    """Bytes too many to hold: their digest and size are known, and `chunks` gives them once more, verified."""

    digest: Digest
    size: int
    chunks: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Item:
    """One file of the archive. `what`: one line for people."""

    path: str
    content: bytes | Streamed
    what: str
    proved: Proved

    @property
    def digest(self) -> Digest:
        """SHA-256 of its bytes."""
        return digest_of(self.content) if isinstance(self.content, bytes) else self.content.digest

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.size


@dataclass(frozen=True)
class Tree:
    """One of the logs: how many entries, and the root over them (32 bytes)."""

    size: int
    root: bytes
    note: bytes
    origin: str
    public_key: bytes


@dataclass(frozen=True)
class Sample:
    """One record of the log of predictions, with its proof. `why`: first, last, or newest of a day."""

    index: int
    leaf: bytes
    proof: bytes
    time: datetime
    why: str


@dataclass(frozen=True)
class Samples:
    """The records that travel, and among which entries of the log they were looked for: [start, stop)."""

    chosen: tuple[Sample, ...] = ()
    start: int = 0
    stop: int = 0
    of_model: int = 0


@dataclass(frozen=True)
class Case:
    """A model, and everything that was verified about it.

    Attributes:
        statements: the whole event log, in order.
        chain: the statements that the model rests on, by claim, and its own.
        revoked: why nobody may use it any more; None: nothing of it was revoked.
        warnings: what verifying it told.
        refusals: what the report of validation counted, by rule and field; None where the report is not here.
        predictions: the log of predictions; None where there is none that the roles file vouches for.
        without: signed files that are not in the archive, with the reason for each.
        witnesses: who of the policy's witnesses has seen the event log, and when, in POSIX seconds. `cosigned`: the
            note that they signed, where it is an earlier one than that in force.
    """

    project: str
    ref: str
    name: str
    version: int
    manifest: Digest
    made: datetime
    statements: Sequence[Evidence]
    chain: Mapping[str, Evidence]
    registration: Registration | None
    imported: Import | None
    roles: Roles
    policy: Policy
    events: Tree
    predictions: Tree | None = None
    revoked: Evidence | None = None
    warnings: Sequence[Reason] = ()
    refusals: Sequence[Mapping[str, Any]] | None = None
    samples: Samples = field(default_factory=Samples)
    matrix: Matrix | None = None
    monitored: Mapping[str, Any] | None = None
    separation: str = ""
    not_proved: Sequence[str] = ()
    without: Sequence[tuple[FileEntry, str]] = ()
    witnesses: Mapping[str, int] = field(default_factory=dict)
    cosigned: bytes = b""

    def of(self, claim: str) -> list[Evidence]:
        """All statements of one claim about this model, oldest first: by its name, or by its manifest."""
        return [
            one
            for one in self.statements
            if one.claim == claim
            and (one.predicate.get("name") == self.name or one.statement.is_about(self.manifest))
        ]  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """One call that was really made. `who` tried `what`; `answer`: a finding's id, or `allowed`.

    `expected`: whether it had to be refused. `where`: the code that was asked. `words`: what it said.
    """

    table: str
    who: str
    what: str
    answer: str
    expected: Literal["refused", "allowed"]
    where: str
    words: str = ""

    @property
    def holds(self) -> bool:
        """Whether it came out as it had to."""
        return (self.answer == "allowed") == (self.expected == "allowed")


@dataclass(frozen=True)
class Matrix:
    """Who could do what, tried at `time`; and what a jail's first process tried, which a statement tells."""

    time: datetime
    attempts: tuple[Attempt, ...]

    @property
    def denied(self) -> int:
        """How many calls were refused."""
        return sum(1 for one in self.attempts if one.answer != "allowed")
