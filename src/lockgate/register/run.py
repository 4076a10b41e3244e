"""Register the candidate: join, scan, ask the policy, store, sign.

Order of writing, so that a process killed at any moment leaves nothing half-registered: the scan statement; the
blobs; the registration statement, which is the commit; the registry's index, which is derived from the log and
is rendered again by whoever comes next. A blob that no statement names is nobody's model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lockgate.audit import waivers
from lockgate.audit.approvals import signers
from lockgate.audit.deployments import revoked_digests
from lockgate.audit.entries import FileEntry, Registration, registration, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import judge_inputs, live_inputs
from lockgate.audit.imports import refuse_imported
from lockgate.audit.load import policy_in_force
from lockgate.audit.shelf import shelf
from lockgate.audit.stored import check_stored
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest, digest_of
from lockgate.core.verdict import Verdict
from lockgate.errors import Refused
from lockgate.register import closure, rules
from lockgate.register.look import look
from lockgate.register.spec import RegisterResult, RegisterSpec
from lockgate.store.files import damaged
from lockgate.store.lock import lock
from lockgate.store.oci import ModelFile, model_config, model_manifest
from lockgate.trust import oms
from lockgate.trust.policy import EnvironmentPolicy


def run(workplace: Workplace, spec: RegisterSpec) -> RegisterResult:
    """Register the candidate that the heads speak about, as the next version of `spec.name`.

    1. The heads of ingest, validate, train and judge are there and joined by digest.
    2. Their closure, if it is registered already, is returned as it is.
    3. Each file has the digest that a statement gives it. Large ones are never held here: each step hashes what it
    reads.
    4. Each file is on the allowlist by content, as the scan in the parse jail found, of that digest.
    5. The policy of this environment does not refuse; the others say what they would miss.
    6. Files, configuration, manifest and signature are stored, write-once.
    7. The registration is signed and logged: the commit.
    8. The registry's index is rendered from the log.

    Raises:
        Usage: LG440 the name.
        Refused: LG460 the name is an import's; LG401, LG402, LG403 (1), LG410 to LG420 (4), LG430 (5).
        VerificationFailed: LG404 (1), LG802, LG805 (3), LG421 (4), LG444 (2).
        Unfit, Unavailable: no jail, no key, no disk.
    """
    rules.check_name(spec.name)
    with lock(workplace.home / "state" / "locks" / "register"):
        workplace.ledger.refresh()
        return _register(workplace, spec)


def _register(workplace: Workplace, spec: RegisterSpec) -> RegisterResult:
    statements = workplace.ledger.statements()
    refuse_imported(spec.name, statements)
    # 1.
    heads = rules.candidate(statements, workplace.model)
    plan = closure.plan(spec, heads)
    # 2.
    known = registrations(statements)
    digests = {**plan.copied, **{name: digest_of(data) for name, data in plan.made.items()}}
    existing = rules.same_closure(spec.name, digests, known)
    if existing is not None:
        return _again(workplace, existing, statements)
    # 3.
    sizes = {name: workplace.data.check(digest) for name, digest in plan.copied.items()}
    sizes |= {name: len(data) for name, data in plan.made.items()}
    # 4.
    shown: dict[str, bytes | Path] = {name: workplace.data.path(digest) for name, digest in plan.copied.items()}
    shown |= plan.made
    inputs = {**heads, "scan": _scanned(workplace, shown, digests, statements)}
    # 5.
    verdicts = _verdicts(workplace, spec.name, inputs, statements)
    verdict = verdicts[workplace.environment]
    if not verdict.passed:
        raise rules.policy_said_no(spec.name, workplace.environment, verdict)
    # 6.
    version = rules.next_version(spec.name, known)
    entries = [FileEntry(name, digests[name], sizes[name]) for name in sorted(sizes)]
    manifest, signature = _store(workplace, spec.name, version, entries, plan.made, heads["train"])
    # 7.
    statement = rules.registration_statement(
        spec.name,
        version,
        manifest=manifest,
        files=entries,
        signature=signature,
        inputs=inputs,
        policy=policy_in_force(statements),
        environment=workplace.environment,
        verdict=verdict,
        now=workplace.now(),
    )
    evidence = workplace.record("signer", statement)
    # 8.
    workplace.registry.publish(shelf(workplace.ledger.statements()))
    return RegisterResult(registration(evidence), cached=False, verdicts=verdicts)


def _again(workplace: Workplace, existing: Registration, statements: Sequence[Evidence]) -> RegisterResult:
    check_stored(existing, workplace.registry, workplace.ledger.roles_at(existing.evidence.index))
    workplace.registry.publish(shelf(statements))
    inputs = {claim: workplace.ledger.get(digest) for claim, digest in existing.inputs.items()}
    verdicts = _verdicts(workplace, existing.name, inputs, statements)
    return RegisterResult(existing, cached=True, verdicts=verdicts)


def _scanned(
    workplace: Workplace,
    files: Mapping[str, bytes | Path],
    digests: Mapping[str, Digest],
    statements: Sequence[Evidence],
) -> Evidence:
    earlier = rules.earlier_scan(digests, statements)
    if earlier is not None:
        return earlier
    report, jail = look(workplace, files)
    try:
        rules.read_scan(report, digests)
    except Refused as no:
        failed = [f"{no.seen['file']}: {no.finding}"]
        _record_scan(workplace, digests, "FAILED", report, jail.as_json(), failed)
        raise
    return _record_scan(workplace, digests, "PASSED", report, jail.as_json(), ())


def _record_scan(
    workplace: Workplace,
    digests: Mapping[str, Digest],
    result: str,
    report: bytes,
    jail: Mapping[str, object],
    failed: Sequence[str],
) -> Evidence:
    statement = rules.scan_statement(
        digests, result, report=workplace.data.put(report), jail=jail, failed=failed, now=workplace.now()
    )
    return workplace.record("signer", statement)


def _verdicts(
    workplace: Workplace, name: str, inputs: Mapping[str, Evidence], statements: Sequence[Evidence]
) -> dict[str, Verdict]:
    own = workplace.policy.environment(workplace.environment)
    others = (one for one in workplace.policy.environments.values() if one.name != own.name)
    return {policy.name: _verdict(workplace, name, inputs, policy, statements) for policy in (own, *others)}


def _verdict(
    workplace: Workplace,
    name: str,
    inputs: Mapping[str, Evidence],
    policy: EnvironmentPolicy,
    statements: Sequence[Evidence],
) -> Verdict:
    """What one environment says of statements of which no model is made yet: a waiver for a model is none for it."""
    now, live = workplace.now(), live_inputs(policy.name, name, statements)
    reasons = judge_inputs(inputs, policy, now, revoked_digests(statements), live=live)
    trainer = signers(inputs["train"])
    known = waivers.in_force(statements, policy, now, trainer=trainer)
    reasons, _ = waivers.apply(reasons, known, environment=policy.name, manifest=None, now=now)
    return Verdict(reasons)


def _store(
    workplace: Workplace,
    name: str,
    version: int,
    entries: Sequence[FileEntry],
    made: Mapping[str, bytes],
    train: Evidence,
) -> tuple[bytes, bytes]:
    """Store everything that the manifest names, and the signature; return the manifest's and the signature's bytes.

    The configuration is dated by the train statement: a repetition after a crash gives the same manifest.
    """
    blobs = workplace.registry.blobs
    for entry in entries:
        if entry.name in made:
            blobs.put(made[entry.name])
        else:
            _copy(workplace, entry)
    layers = [ModelFile(one.name, one.digest, one.size, rules.kind_of(one.name)) for one in entries]
    config = model_config(name, version, train.time, layers)
    manifest = model_manifest(config, layers)
    signature = oms.sign_files(name, [(one.name, one.digest) for one in entries], workplace.keyring.signer("signer"))
    for data in (config, manifest, signature):
        blobs.put(data)
    return manifest, signature


def _copy(workplace: Workplace, entry: FileEntry) -> None:
    """Store a file that an earlier stage made: what is stored was hashed as it was copied."""
    blobs = workplace.registry.blobs
    if blobs.has(entry.digest):
        blobs.check(entry.digest)
        return
    with open(workplace.data.open(entry.digest), "rb") as source:
        stored = blobs.put(source)
    if stored != entry.digest:
        raise damaged(workplace.data.path(entry.digest), entry.digest, stored)
