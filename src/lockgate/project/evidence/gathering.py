"""Everything that is verified about one model before a word of it is handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lockgate.audit import deployments
from lockgate.audit.cosigned import begins_with, cosignatures, kept
from lockgate.audit.entries import revocations
from lockgate.audit.evidence import Leaf
from lockgate.audit.imports import named
from lockgate.audit.ledger import origin
from lockgate.audit.log import Log
from lockgate.audit.origins import inputs_of
from lockgate.audit.refs import resolve
from lockgate.core.checkpoint import parse_checkpoint, parse_note
from lockgate.core.merkle import leaf_hash, root_of
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.export.evidence.spec import Case, Tree
from lockgate.project.carry.mirror import refuse_absent
from lockgate.project.evidence.samples import samples
from lockgate.project.prediction_log import log_here, prediction_log
from lockgate.project.proving import DEV, open_ledger, prove_model, with_moves
from lockgate.project.steps import Steps
from lockgate.store.blobs import BlobStore

if TYPE_CHECKING:
    from lockgate.audit.entries import FileEntry, Registration
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.imports import Import
    from lockgate.audit.ledger import Ledger
    from lockgate.project.folder import Folder
    from lockgate.project.reports import ModelReport

EVENTS = "events"
_MOST_REPORT = 64 << 20


@dataclass(frozen=True)
class Gathered:
    """The case, the ledger that it was read from, every leaf of it, and the files of the model."""

    case: Case
    ledger: Ledger
    leaves: tuple[bytes, ...]
    files: tuple[FileEntry, ...]
    manifest_size: int
    signature: tuple[str, int] | None


def gather(project: Folder, ref: str, *, root: str, records: int) -> Gathered:
    """Verify `ref` as `verify REF` does, and collect what is known of it.

    1. The event log verifies under the pinned root, and its leaves hash to the root of the checkpoint that goes along.
    2. The model's whole chain verifies; a revocation of it is no failure here: it is what must be told first.
    3. The log of predictions verifies, where there is one that the roles file vouches for.

    Raises VerificationFailed, Refused and Usage as `project.proving.verify_model`; VerificationFailed LG7041 (1).
    """
    # 1.
    steps = Steps()
    ledger = open_ledger(project, root, steps)
    events, leaves = events_of(ledger)
    # 2.
    statements = ledger.statements()
    brought = named(ref, statements)
    if brought is not None:
        case = _imported(project, ledger, brought, steps, events)
        found = Gathered(case, ledger, leaves, brought.files, brought.manifest_size, _signed(brought))
    else:
        one = resolve(ref, statements, DEV)
        refuse_absent(project.home, one.ref, one.manifest)
        report = prove_model(ledger, one, project.now(), revoked_fails=False, steps=steps)
        case = _registered(project, ledger, one, with_moves(project, ledger, one, report, steps), events)
        found = Gathered(case, ledger, leaves, one.files, one.manifest_size, (one.signature, one.signature_size))
    found = replace(found, case=_witnessed(project, ledger, found.case))
    # 3.
    log = log_here(project, ledger)
    if log is None or prediction_log(project, ledger).own:
        return found
    chosen = samples(log, found.case.manifest, records)
    return replace(found, case=replace(found.case, predictions=_tree(log, ledger), samples=chosen))


def events_of(ledger: Ledger) -> tuple[Tree, tuple[bytes, ...]]:
    """The tree of the event log and each leaf of it. Raises VerificationFailed LG7041 where they are of two logs."""
    leaves = tuple(
        Leaf(one.claim, one.digest, one.statement.predicate_type, len(one.envelope), one.time).encode()
        for one in ledger.statements()
    )
    checkpoint = ledger.checkpoint
    if len(leaves) != checkpoint.size or root_of([leaf_hash(leaf) for leaf in leaves]) != checkpoint.root:
        raise VerificationFailed(
            "LG7041",
            "the leaves of the event log do not hash to the root in its checkpoint",
            seen={"leaves": len(leaves), "size": checkpoint.size},
            next="lockgate log verify",
        )
    key = ledger.roles.sealer_key()
    return Tree(checkpoint.size, checkpoint.root, ledger.note, origin(ledger.root, EVENTS), key), leaves


def _witnessed(project: Folder, ledger: Ledger, case: Case) -> Case:
    """The case with who cosigned the event log: this checkpoint, or else the newest earlier one that somebody has."""
    keys, key = {name: one.key for name, one in case.policy.witnesses.items()}, case.events.public_key
    seen, note = cosignatures(case.events.note, keys), kept(project.home, EVENTS)
    if seen or note is None or not keys:
        return replace(case, witnesses=seen)
    log = Log.open(ledger.log_dir, public_key=key, origin=case.events.origin, former=ledger.former_sealers)
    earlier = begins_with(log, note, keys, key, ledger.former_sealers)
    if not earlier or parse_checkpoint(parse_note(note).text).size > case.events.size:
        return case
    return replace(case, witnesses=earlier, cosigned=note)


def _tree(log: Log, ledger: Ledger) -> Tree:
    return Tree(log.size, log.root, log.note, log.checkpoint.origin, ledger.roles.sealer_key())


def _registered(project: Folder, ledger: Ledger, one: Registration, report: ModelReport, events: Tree) -> Case:
    statements = ledger.statements()
    revoked = deployments.revocation_of(one, statements)
    chain = {**inputs_of(one, statements), "register": one.evidence}
    return Case(
        project=ledger.root,
        ref=one.ref,
        name=one.name,
        version=one.version,
        manifest=one.manifest,
        made=project.now(),
        statements=statements,
        chain=chain,
        registration=one,
        imported=None,
        roles=ledger.roles,
        policy=project.policy(ledger),
        events=events,
        revoked=revoked.evidence if revoked else None,
        warnings=report.warnings,
        refusals=refusals(project, chain["validate"]),
        separation=report.separation,
        not_proved=report.not_proved,
    )


def _imported(project: Folder, ledger: Ledger, one: Import, steps: Steps, events: Tree) -> Case:
    from lockgate.project.importing import prove_import

    statements = ledger.statements()
    report = prove_import(ledger, one, project.now(), revoked_fails=False, steps=steps)
    hit = next(
        (each for each in revocations(statements) if {one.manifest, one.evidence.digest, one.scan} & {*each.targets}),
        None,
    )
    return Case(
        project=ledger.root,
        ref=one.ref,
        name=one.name,
        version=one.version,
        manifest=one.manifest,
        made=project.now(),
        statements=statements,
        chain={"scan": ledger.get(one.scan), "import": one.evidence},
        registration=None,
        imported=one,
        roles=ledger.roles,
        policy=project.policy(ledger),
        events=events,
        revoked=hit.evidence if hit else None,
        warnings=report.warnings,
        separation=report.separation,
        not_proved=report.not_proved,
    )


def _signed(one: Import) -> tuple[str, int] | None:
    return None if one.signer is None else (one.signer.signature, one.signer.size)


def refusals(project: Folder, validate: Evidence) -> Sequence[Mapping[str, Any]] | None:
    """How many rows were refused by which rule on which field: no message, for that may quote a value; no row.

    None where the report is not on this machine any more: it lies with the data, and only its digest is signed.
    """
    from lockgate.core.encoding import decode

    data = BlobStore(project.home / "data" / "sha256", project.home / "state" / "tmp")
    digest = validate.predicate.get("report")
    try:
        listed = decode(data.read(digest, _MOST_REPORT)).get("by_rule") if isinstance(digest, str) else None  # type: ignore[arg-type]
    except (LockgateError, ValueError, AttributeError):
        return None
    return [
        {"rule": str(each.get("rule", "")), "field": str(each.get("field", "")), "rows": each.get("count")}
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, Mapping) and type(each.get("count")) is int
    ]
