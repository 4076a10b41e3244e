"""A proof that travels: the folder that a stranger gets for one entry of a log, and the check of such a folder.

    proof.tlog-proof  leaf       the entry, and that it stands in its log (C2SP tlog-proof)
    statement.json               in the log of events: the envelope that the leaf names
    roles/<index>.json           every roles file, from the root on, each with its .leaf and its .tlog-proof
    README.txt                   how to check it without Lockgate

Whoever checks trusts the root that they name or have pinned, and nothing in the folder. `verifier/lockgate_verify.py`
checks the same, and shares no code with this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit.cosigned import shown
from lockgate.audit.evidence import Leaf
from lockgate.audit.ledger import EVENTS, PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.audit.prove import check_proof, parse_proof
from lockgate.audit.prove import prove as prove_entry
from lockgate.audit.reigns import Reign, leaf_at, roles_at
from lockgate.core.checkpoint import parse_checkpoint, parse_note
from lockgate.core.digest import digest_of
from lockgate.core.record_kinds import parse_any
from lockgate.core.shown import Lines, block
from lockgate.core.shown_html import Shown
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.project.offline_root import claimed_by, trusted
from lockgate.project.resources import verifier
from lockgate.store.files import read_regular, writing
from lockgate.trust.roles import Roles
from lockgate.trust.verifier import Verified, verify, verify_roles

if TYPE_CHECKING:
    from lockgate.audit.ledger import Ledger
    from lockgate.project.folder import Folder
    from lockgate.project.reports import Proof

PROOF, LEAF, STATEMENT, ROLES, README = "proof.tlog-proof", "leaf", "statement.json", "roles", "README.txt"
SUFFIX: Final = ".tlog-proof"
_MOST_FILE: Final = 64 << 20
_MOST_ROLES: Final = 1000
NOT_PROVED: Final = (
    "that no later roles file, revocation or deployment exists: ask for an archive of evidence, made today",
    "that who holds a key is who they say",
    "that no second log exists (no witness is asked here)",
)


@dataclass(frozen=True, repr=False)
class HandedOut(Shown):
    """A folder that was written. `verifier`: the digest of the program that checks it."""

    proof: Proof
    folder: str
    files: tuple[str, ...]
    root: str
    verifier: str

    def text(self) -> Lines:
        """Where it is, and what whoever gets it does."""
        return block(
            [
                f"{self.folder}: entry {self.proof.index} of the log of {self.proof.log}, {len(self.files)} files",
                f"who receives it runs: python3 -I lockgate_verify.py --root {self.root} proof {PROOF}",
                f"lockgate_verify.py   {self.verifier}",
                "and gets that program from a release, and the root from you by another way than this folder.",
            ]
        )

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        said = {"folder": self.folder, "files": list(self.files), "root": f"sha256:{self.root}"}
        return {**self.proof.as_json(), **said, "verifier": self.verifier}


@dataclass(frozen=True)
class Checked:
    """A proof that holds. `said`: the statement in the log of events; `record`: of the log of predictions."""

    file: str
    root: str
    log: str
    index: int
    size: int
    said: Verified | None
    record: Mapping[str, Any]

    def text(self) -> Lines:
        """What is proved, and what is not."""
        lines = [f"✓ {self.file}: entry {self.index} of {self.size} in the log of {self.log}"]
        lines.append(f"root      sha256:{self.root[:8]}..{self.root[-4:]}")
        if self.said is not None:
            one = self.said
            lines.append(f"✓ {one.claim:<9} {' and '.join(one.persons)} as {one.role}, {one.digest}")
            lines += [f"            about {subject.name}  {subject.digest}" for subject in one.statement.subjects[:5]]
        else:
            lines += _record_lines(self.record)
        lines.append("NOT proved: " + "; ".join(NOT_PROVED) + ".")
        return block(lines)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        found = {"verified": True, "proof": self.file, "root": f"sha256:{self.root}", "log": self.log}
        found |= {"log_index": self.index, "size": self.size, "not_proved": list(NOT_PROVED)}
        if self.said is None:
            return {**found, "record": dict(self.record)}
        return {**found, "claim": self.said.claim, "statement": self.said.digest, "persons": list(self.said.persons)}


def _record_lines(record: Mapping[str, Any]) -> list[str]:
    """A record without its commitments, a field a line; its time also as a date."""
    lines = [f"✓ record    {record.get('kind', 'predictions')}, at {shown(int(record['time']) // 1000)}"]
    hidden = {"inputs", "outputs", "input", "output", "label", "tag", "kind", "v"}
    return lines + [f"            {name:<12} {value}" for name, value in record.items() if name not in hidden]


def hand_out(project: Folder, proof: Proof, folder: Path) -> HandedOut:
    """Write all that a stranger needs for `proof` into `folder`, new or empty. It names persons and keys' holders.

    Raises Refused LG7030 in a mirror, for predictions; LG952 the folder is not empty; as `Log.open`.
    """
    from lockgate.project.prediction_log import prediction_log

    ledger = project.ledger()
    if proof.log == PREDICTIONS and prediction_log(project, ledger).own:
        raise Refused(
            "LG7030",
            "these predictions are sealed by a key of this machine, so no stranger could check the proof",
            seen={"log_index": proof.index, "origin": proof.origin},
            next=f"lockgate verify {proof.what}",
        )
    files = {PROOF: proof.text, LEAF: proof.leaf}
    if proof.log == EVENTS:
        files[STATEMENT] = ledger.statements()[proof.index].envelope
    program = digest_of(verifier())
    files |= {**_roles_files(project, ledger), README: _readme(proof, program)}
    _write(folder, files)
    return HandedOut(proof, str(folder), tuple(sorted(files)), ledger.root, program)


def verify_proof(path: Path, now: datetime, *, root: str = "", leaf: Path | None = None) -> Checked:
    """Check the proof in `path`, with what lies beside it as `hand_out` wrote it.

    1. The roles files lead from the root on, each signed by the one before, and each is in the log of events.
    2. The leaf (in `leaf`, beside the proof, or in its `extra` line) is in the log that the proof names, under the
       sealer of the newest of them.
    3. In the log of events, the statement is the one that the leaf names, by who may say it under the roles file then
       in force.
    4. The newest roles file has not expired.

    Raises VerificationFailed LG7031, LG715, LG716, LG702, LG703, LG754, as `trust.verifier`; Refused LG824, LG825;
    Usage LG7033.
    """
    folder, data = path.parent, _read(path)
    # 1.
    envelopes = _beside(folder / ROLES)
    project_id = trusted(claimed_by(envelopes[0][0]), root)
    reigns = _reigns(envelopes, project_id)
    # 2.
    key = reigns[-1].roles.sealer_key()
    name = _log_of(data, project_id)
    entry = _leaf(data, leaf or folder / LEAF, given=leaf is not None)
    proved = check_proof(data, entry, key, origin(project_id, name))
    found = (str(path), project_id, name, proved.index, proved.checkpoint.size)
    # 3.
    said, record = None, {}
    if name == EVENTS:
        said = _statement(folder / STATEMENT, leaf_at(proved.index, entry), proved.index, reigns)
    else:
        record = _record(entry, proved.index)
    # 4.
    reigns[-1].roles.check_fresh(now)
    return Checked(*found, said, record)


def _statement(path: Path, leaf: Leaf, index: int, reigns: Sequence[Reign]) -> Verified:
    envelope = _read(path)
    before = [one.roles for one in reigns if one.since < index]
    if leaf.claim == "roles":
        said = verify_roles(envelope, before[-1] if before else None, root=reigns[0].roles.project_id)
    else:
        said = verify(envelope, roles_at(index, reigns))
    if (said.digest, said.claim, len(envelope)) != (leaf.digest, leaf.claim, leaf.size):
        raise VerificationFailed(
            "LG754",
            "the statement beside the proof is another one than the entry names",
            seen={"entry": index, "statement": leaf.digest, "found": said.digest},
            next="get the proof again: lockgate log prove WHAT --out DIR",
        )
    return said


def _record(entry: bytes, index: int) -> dict[str, Any]:
    try:
        return parse_any(entry).values()
    except ValueError as error:
        raise _malformed(f"the entry is no record of a prediction: {error}", entry=index) from None


def _roles_files(project: Folder, ledger: Ledger) -> dict[str, bytes]:
    """Every roles file with its leaf and its proof, under one checkpoint of the log of events."""
    log = Log.open(
        ledger.log_dir,
        public_key=ledger.roles.sealer_key(),
        origin=origin(ledger.root, EVENTS),
        seen=project.seen(ledger.root, EVENTS),
        former=ledger.former_sealers,
    )
    files = {}
    for reign in ledger.reigns:
        stem = f"{ROLES}/{reign.since:06}"
        files[f"{stem}.json"] = ledger.statements()[reign.since].envelope
        files[f"{stem}.leaf"] = log.entry(reign.since)
        files[stem + SUFFIX] = prove_entry(log, reign.since)
    return files


def _reigns(envelopes: Sequence[tuple[bytes, bytes, bytes]], root: str) -> tuple[Reign, ...]:
    """The chain of roles files, each proved to be in the log of events. Raises VerificationFailed."""
    found: list[Reign] = []
    for envelope, _, proof in envelopes:
        said = verify_roles(envelope, found[-1].roles if found else None, root=root)
        found.append(Reign(_parsed(proof).index, Roles.from_predicate(said.statement.predicate), said.persons))
    places = [reign.since for reign in found]
    if places[0] != 0 or places != sorted(set(places)):
        raise _malformed("the roles files are not in the order of the log, from its first entry on", places=places)
    key = found[-1].roles.sealer_key()
    for (envelope, entry, proof), reign in zip(envelopes, found, strict=True):
        check_proof(proof, entry, key, origin(root, EVENTS))
        if leaf_at(reign.since, entry).digest != digest_of(envelope):
            raise _malformed("a roles file is another one than its entry names", entry=reign.since)
    return tuple(found)


def _beside(folder: Path) -> list[tuple[bytes, bytes, bytes]]:
    names = sorted(folder.glob("*.json"), key=lambda path: (len(path.name), path.name))[:_MOST_ROLES]
    if not names:
        raise _missing(folder)
    return [(_read(one), _read(one.with_suffix(".leaf")), _read(one.with_suffix(SUFFIX))) for one in names]


def _leaf(proof: bytes, path: Path, *, given: bool) -> bytes:
    """The entry: a file, or where there is none the `extra` line, which the proof vouches for as for any other leaf."""
    extra = _parsed(proof).extra
    return extra if extra is not None and not given and not path.exists() else _read(path)


def _log_of(proof: bytes, root: str) -> str:
    """Which of the project's logs the proof names. Nothing is believed: the signature is checked under that name."""
    try:
        named = parse_checkpoint(parse_note(_parsed(proof).note).text).origin
    except ValueError as error:
        raise _malformed(f"the proof holds no checkpoint: {error}") from None
    for name in (EVENTS, PREDICTIONS):
        if named == origin(root, name):
            return name
    raise VerificationFailed(
        "LG703",
        "the proof is of another log than the root's",
        seen={"found": named, "root": root},
        next="ask the project's owner for the fingerprint and the proof",
    )


def _parsed(proof: bytes) -> Any:
    try:
        return parse_proof(proof)
    except ValueError as error:
        raise VerificationFailed(
            "LG715", f"the proof is malformed: {error}", next="lockgate log prove WHAT --out DIR"
        ) from None


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, _MOST_FILE)
    except FileNotFoundError:
        raise _missing(path) from None


def _missing(path: Path) -> Usage:
    return Usage(
        "LG7033",
        f"{path} is not there, and the proof cannot be checked without it",
        seen={"missing": str(path)},
        next="lockgate log prove WHAT --out DIR   # writes all of it",
    )


def _malformed(why: str, **seen: object) -> VerificationFailed:
    return VerificationFailed("LG7031", why, seen=seen, next="lockgate log prove WHAT --out DIR   # writes it anew")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused("LG952", f"{folder} is not empty", seen={"folder": str(folder)}, next="name a new folder")
    with writing(folder):
        (folder / ROLES).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)


def _readme(proof: Proof, program: str) -> bytes:
    about = f"entry {proof.index} of the log of {proof.log}"
    return (
        f"Proof of {about} of a Lockgate project.\n\n"
        f"    python3 -I lockgate_verify.py --root FINGERPRINT proof {PROOF}\n\n"
        "FINGERPRINT is the SHA-256 of the project's first root key: 64 hex digits, from the project's owner, by\n"
        "another way than this folder. lockgate_verify.py comes with every Lockgate release and needs Python 3.11 and\n"
        f"the package `cryptography`; the one of the release that wrote this has the digest\n{program}\n\n"
        f"A client's receipt of a prediction is opened with: ... receipt TOKEN --proof {PROOF} --input FILE\n"
    ).encode()
