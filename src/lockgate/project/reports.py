"""What `verify` found, as a picture for people and as JSON for machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lockgate.audit.evidence import Evidence
from lockgate.core.digest import Digest, short
from lockgate.core.moments import age
from lockgate.core.shown import Lines, block
from lockgate.core.shown_html import MARKS, Heading, Part, Shown, Table, Words
from lockgate.core.verdict import Reason
from lockgate.project.alarm_report import AlarmReport
from lockgate.project.ladder_report import LadderReport


@dataclass(frozen=True)
class Link:
    """One box of the picture: the stage, what its statement says, who signed it, where it is in the log."""

    box: str
    text: str
    evidence: Evidence | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        found: dict[str, Any] = {"stage": self.box, "text": self.text}
        if self.evidence is not None:
            one = self.evidence
            found |= {"statement": one.digest, "log_index": one.index, "role": one.role, "person": one.person}
            found |= {"keyid": one.keyid}
        return found


@dataclass(frozen=True, repr=False)
class ModelReport(Shown):
    """One model, walked back to the root. Exists only when every step verified."""

    ref: str
    manifest: Digest
    root: str
    pinned: bool
    separation: str
    links: tuple[Link, ...]
    not_proved: tuple[str, ...]
    checkpoint_size: int
    warnings: tuple[Reason, ...] = ()
    now: datetime | None = None
    materialized: str = ""
    cosigned: tuple[str, ...] = ()

    def view(self) -> Iterator[Part]:
        """What it shows of itself."""
        yield Heading(f"{self.ref}  {short(self.manifest)}")
        yield Words(f"root sha256:{self.root} ({'pinned' if self.pinned else 'given for this once'})")
        rows = []
        for link in self.links:
            one = link.evidence
            signed = ("", "") if one is None else (f"{one.person} as {one.role}", str(one.index))
            rows.append((MARKS["ok"], link.box, link.text, *signed))
        yield Table([("", "step", "what", "signed by", "log entry"), *rows])
        for reason in self.warnings:
            yield Words(f"{MARKS['warn']} {reason.finding}  {reason.message}")
        yield Words(f"proved: each step above, and that all of it is in the log of {self.checkpoint_size} entries")
        for line in self.cosigned:
            yield Words(f"log of {line}")
        yield Words(f"separation of persons: {self.separation}")
        yield Words(f"NOT proved: {'; '.join(self.not_proved)}.")
        if self.materialized:
            yield Words(f"written: exactly the signed files and model.sig, to {self.materialized}")

    def text(self) -> Lines:
        """The picture: a box a line, one line of verdict, one line of what is not proved."""
        how = "pinned" if self.pinned else "given with --root"
        lines = [f"{self.ref}  {short(self.manifest)}", f"root      sha256:{self.root[:8]}..{self.root[-4:]} ({how})"]
        lines += [_line(link, self.now) for link in self.links]
        lines += [f"! {reason.finding}  {reason.message}" for reason in self.warnings]
        lines.append(f"proved: each step above, and that all of it is in the log of {self.checkpoint_size} entries.")
        lines += [f"log of {line}" for line in self.cosigned]
        lines.append(f"separation of persons: {self.separation}")
        lines.append("NOT proved: " + "; ".join(self.not_proved) + ".")
        if self.materialized:
            lines.append(f"written: exactly the signed files and model.sig, to {self.materialized}")
        return block(lines)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "verified": True,
            "ref": self.ref,
            "manifest": self.manifest,
            "root": f"sha256:{self.root}",
            "pinned": self.pinned,
            "separation": self.separation,
            "chain": [link.as_json() for link in self.links],
            "warnings": [reason.as_json() for reason in self.warnings],
            "cosigned": list(self.cosigned),
            "not_proved": list(self.not_proved),
        }


@dataclass(frozen=True, repr=False)
class LogsReport(Shown):
    """Both logs, read whole."""

    events: int
    predictions: int
    files: int
    gateways: tuple[str, ...]
    warnings: tuple[Reason, ...]
    sealed_by: str = ""
    ladder: LadderReport = field(default_factory=LadderReport)
    alarms: AlarmReport = field(default_factory=AlarmReport)
    cosigned: tuple[str, ...] = ()

    @property
    def not_proved(self) -> tuple[str, ...]:
        """What nobody here can prove of what the predictions say."""
        return (*self.ladder.not_proved, *self.alarms.not_proved)

    def text(self) -> Lines:
        """A few lines, the warnings, and what is not proved."""
        unproved = "; ".join(self.not_proved)
        return block([self.picture(), *([f"NOT proved: {unproved}."] if unproved else [])])

    def picture(self) -> Lines:
        """The same, for a page that says at its end what is not proved."""
        lines = [
            f"✓ events       {self.events} entries",
            f"✓ predictions  {self.predictions} entries from {len(self.gateways)} gateways, without a gap",
            f"  {self.files} files read, each accounted for",
        ]
        lines += [f"  {self.sealed_by}"] if self.sealed_by else []
        lines += [f"  {line}" for line in self.cosigned]
        lines += [f"✓ ladder       {text}"] if (text := self.ladder.text()) else []
        lines += [f"✓ monitor      {text}"] if (text := self.alarms.text()) else []
        return block([*lines, *(f"! {reason.finding}  {reason.message}" for reason in self.warnings)])

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "verified": True,
            "events": self.events,
            "predictions": self.predictions,
            "files": self.files,
            "gateways": list(self.gateways),
            "warnings": [reason.as_json() for reason in self.warnings],
            "sealed_by": self.sealed_by or "the sealer of the roles file",
            "cosigned": list(self.cosigned),
            "ladder": self.ladder.as_json(),
            "monitor": self.alarms.as_json(),
            "not_proved": list(self.not_proved),
        }


@dataclass(frozen=True, repr=False)
class EverythingReport(Shown):
    """Every file under registry and log, every statement, every model."""

    root: str
    logs: LogsReport
    blobs: int
    statements: int
    models: tuple[ModelReport, ...]
    live: tuple[str, ...]
    separation: str
    not_proved: tuple[str, ...]
    absent: tuple[str, ...] = ()
    mirror: str = ""

    def text(self) -> Lines:
        """A few lines."""
        models = ", ".join(model.ref for model in self.models) or "none"
        return block(
            [
                f"root      sha256:{self.root[:8]}..{self.root[-4:]}",
                self.logs.picture(),
                f"✓ statements   {self.statements}, each signed by a key of its role",
                f"✓ registry     {self.blobs} blobs, each what its digest says and named by a statement",
                f"✓ models       {models}",
                *([f"  registered, and not held in this mirror: {', '.join(self.absent)}"] if self.absent else []),
                f"  live: {'; '.join(self.live) or 'nothing'}",
                *([f"  {self.mirror}"] if self.mirror else []),
                f"separation of persons: {self.separation}",
                f"NOT proved: {'; '.join(self.not_proved)}.",
            ]
        )

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "verified": True,
            "root": f"sha256:{self.root}",
            "logs": self.logs.as_json(),
            "blobs": self.blobs,
            "statements": self.statements,
            "models": [model.as_json() for model in self.models],
            "live": list(self.live),
            "separation": self.separation,
            "absent": list(self.absent),
            "mirror": self.mirror,
            "not_proved": list(self.not_proved),
        }


@dataclass(frozen=True, repr=False)
class ReceiptReport(Shown):
    """One prediction's record, found and proved; or still pending."""

    receipt: str
    state: str
    index: int | None
    record: Mapping[str, Any] | None
    opened: Mapping[str, bool]
    model: ModelReport | None
    payload: str = ""
    """What became of the kept payload; "" where nothing is known of one."""
    cosigned: tuple[str, ...] = ()
    """How fresh the logs are, and which witnesses have seen them."""

    def text(self) -> Lines:
        """What answered, when, and what the receipt opens."""
        if self.record is None:
            return block((f"{self.state}: the record is not in a signed checkpoint yet; ask again in a moment",))
        record = self.record
        lines = [
            f"✓ receipt   entry {self.index} of the prediction log",
            f"  {self._happened(record)} at {record['time']}",
            f"  client {record['client']} (a keyed pseudonym), record {record['seq']} of gateway {record['gateway']}",
        ]
        for name, holds in self.opened.items():
            lines.append(f"  {'✓' if holds else '✗'} the {name} that you gave is the one in the record")
        if not self.opened:
            lines.append("  not opened: what was asked and answered (give it with --input FILE)")
        if self.payload:
            lines.append(f"  {self.payload}")
        lines += [f"  log of {line}" for line in self.cosigned]
        return block([*lines, *([self.model.text()] if self.model else [])])

    @staticmethod
    def _happened(record: Mapping[str, Any]) -> str:
        if record["kind"] == "feedback":
            of = record["of"]
            return f"a label was told of row {of['row']} of record {of['seq']} of gateway {of['gateway']}"
        where = f"{record['ref']} ({record['rung']} in {record['environment']})"
        if record["kind"] == "refused":
            return f"refused by {where}, {record['finding']},"
        return f"answered by {where}"

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "verified": self.record is not None,
            "receipt": self.receipt,
            "state": self.state,
            "log_index": self.index,
            "record": self.record,
            "opened": dict(self.opened),
            "payload": self.payload,
            "cosigned": list(self.cosigned),
            "model": self.model.as_json() if self.model else None,
        }


@dataclass(frozen=True, repr=False)
class Proof(Shown):
    """An offline proof (C2SP tlog-proof) and the leaf that it is about."""

    what: str
    log: str
    index: int
    leaf: bytes
    text: bytes
    origin: str

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "what": self.what,
            "log": self.log,
            "log_index": self.index,
            "leaf": self.leaf.decode(),
            "proof": self.text.decode(),
            "origin": self.origin,
        }


def _line(link: Link, now: datetime | None) -> Lines:
    head = f"✓ {link.box:<9} {link.text}"
    if link.evidence is None:
        return block((head,))
    one = link.evidence
    old = f", {age(one.time, now)} ago" if now is not None else ""
    return block((head, f"            {one.person} as {one.role}, key {one.keyid[:8]}, log entry {one.index}{old}"))


def joined(parts: Sequence[str]) -> str:
    """Facts in one line."""
    return " · ".join(part for part in parts if part)
