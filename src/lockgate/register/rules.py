"""The decisions of registration, and the statements they become. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lockgate.audit import joins, models
from lockgate.audit.entries import INPUTS, FileEntry, Registration, is_model_name
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import pick_head
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.encoding import decode
from lockgate.core.moments import rfc3339
from lockgate.core.statement import REGISTRATION, Statement, Subject, claim_uri, resource, test_result
from lockgate.core.verdict import Verdict
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.register import formats
from lockgate.register.closure import CODE
from lockgate.register.import_formats import SCAN_FINDINGS
from lockgate.store.oci import Kind

HEADS = ("ingest", "validate", "train", "judge")


def check_name(name: str) -> str:
    """Raises Usage LG440 for a name that a registry, or a REF, cannot take."""
    if not is_model_name(name):
        raise Usage(
            "LG440",
            f"{name!r} cannot name a model",
            seen={"name": name, "reserved": ["latest", "live"]},
            next="set [project] name in lockgate.toml: lower-case letters, digits, and . _ - between them",
        )
    return name


def candidate(statements: Sequence[Evidence], model: str = models.OWN) -> dict[str, Evidence]:
    """The heads of `model` that a registration rests on, joined.

    1. ingest, validate, train and judge each have a head.
    2. Each rests, by digest, on the head before it: a later ingest, say, leaves the training behind.
    3. The judge did not fail the candidate.

    Raises:
        Refused: LG401 a head is missing; LG402 one is stale, or about another model; LG403 the judge failed it.
        VerificationFailed: LG541, LG542 a head cannot be followed.
    """
    # 1.
    heads: dict[str, Evidence] = {}
    for claim in HEADS:
        head = pick_head(claim, statements, model)
        if head is None:
            raise Refused(
                "LG401", f"there is no {claim} statement to rest on", seen={"claim": claim}, next="lockgate run"
            )
        heads[claim] = head
    # 2.
    for claim, before in joins.ORDER:
        message = joins.gap(claim, heads[claim].statement, heads[before].statement) if claim in heads else ""
        if message:
            raise Refused(
                "LG402",
                f"the {claim} statement does not rest on the {before} statement that is in force: {message}",
                seen={claim: heads[claim].digest, before: heads[before].digest},
                next="lockgate run",
            )
    # 3.
    for claim in ("validate", "judge"):
        if heads[claim].predicate.get("result") not in ("PASSED", "WARNED"):
            raise Refused(
                "LG403",
                f"{claim} did not pass this candidate",
                seen={"statement": heads[claim].digest, "failed": heads[claim].predicate.get("failedTests")},
                next=f"lockgate log show {heads[claim].index}",
            )
    return heads


def same_closure(name: str, files: Mapping[str, Digest], known: Sequence[Registration]) -> Registration | None:
    """The registration under `name` of exactly these files; the newest, should there be several."""
    wanted = sorted(files.items())
    return next(
        (
            one
            for one in reversed(known)
            if one.name == name and sorted((file.name, file.digest) for file in one.files) == wanted
        ),
        None,
    )


def next_version(name: str, known: Sequence[Registration]) -> int:
    """One more than the highest version ever registered under `name`; revoked ones count."""
    return max((one.version for one in known if one.name == name), default=0) + 1


def read_scan(report: bytes, files: Mapping[str, Digest]) -> Mapping[str, Any]:
    """What the scan in the jail said, held against what it was given.

    Raises:
        Refused: a finding of `SCAN_FINDINGS`, as the jail found.
        VerificationFailed: LG421 the report is malformed, or about other bytes than it was given.
    """
    try:
        value = decode(report)
        refused = value["refused"]
        scanned = {entry["name"]: f"sha256:{entry['sha256']}" for entry in value["files"]}
        if refused is not None:
            raise _as_refusal(refused, files)
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationFailed(
            "LG421", f"the scan in the jail gave no readable report: {error}", next="lockgate doctor"
        ) from None
    if scanned != dict(files) or len(value["files"]) != len(files):
        raise VerificationFailed(
            "LG421",
            "the scan in the jail is about other files than it was given",
            seen={"given": sorted(files), "scanned": sorted(scanned)},
            next="lockgate doctor",
        )
    return {"files": value["files"]}


def scan_statement(
    files: Mapping[str, Digest],
    result: str,
    *,
    report: Digest,
    jail: Mapping[str, Any],
    failed: Sequence[str] = (),
    now: datetime,
    by: Digest | None = None,
) -> Statement:
    """What was scanned, in which jail, by which rules: those `by` this digest, or those for what is registered.

    `failed`: `<file>: <finding>`.
    """
    return test_result(
        "scan",
        [Subject(name, digest) for name, digest in sorted(files.items())],
        result,
        rules=by or formats.rules_digest(),
        configuration=[resource("scan.json", report)],
        passed=[] if failed else ["allowlist"],
        failed=failed,
        time=rfc3339(now),
        jail=jail,
    )


def earlier_scan(files: Mapping[str, Digest], statements: Sequence[Evidence]) -> Evidence | None:
    """A scan of exactly these files under the rules of today that passed, so that it need not be done again."""
    wanted = {Subject(name, digest) for name, digest in files.items()}
    rules = hex_of(formats.rules_digest())
    for one in reversed(statements):
        if one.claim == "scan" and set(one.statement.subjects) == wanted and one.predicate.get("result") == "PASSED":
            named = [entry.get("digest") for entry in one.predicate["configuration"] if entry.get("name") == "scan"]
            if named == [{"sha256": rules}]:
                return one
    return None


def registration_statement(
    name: str,
    version: int,
    *,
    manifest: bytes,
    files: Sequence[FileEntry],
    signature: bytes,
    inputs: Mapping[str, Evidence],
    policy: Digest,
    environment: str,
    verdict: Verdict,
    now: datetime,
) -> Statement:
    """`name@version` is this manifest and these files, signed so, resting on these statements."""
    digest = digest_of(manifest)
    predicate = {
        "claim": claim_uri("register"),
        "time": rfc3339(now),
        "name": name,
        "version": version,
        "manifest": {"digest": digest, "size": len(manifest)},
        "files": [{"name": one.name, "sha256": hex_of(one.digest), "size": one.size} for one in files],
        "signature": {"digest": digest_of(signature), "size": len(signature)},
        "inputs": {claim: inputs[claim].digest for claim in INPUTS},
        "policy": {
            "digest": policy,
            "environment": environment,
            "result": verdict.result,
            "reasons": [reason.as_json() for reason in verdict.reasons],
        },
    }
    return Statement((Subject(f"{name}@{version}", digest),), REGISTRATION, predicate)


def kind_of(name: str) -> Kind:
    """What ModelPack calls a file of the closure."""
    if name in (formats.MODEL, formats.DATA):
        return "weight"
    if name == formats.SERVING:
        return "weight.config"
    return "code" if name.startswith(CODE) or name.endswith(".lock") else "doc"


def policy_said_no(name: str, environment: str, verdict: Verdict) -> Refused:
    """The refusal of the policy in whose environment registration runs: LG430, with every reason."""
    first = verdict.refusals[0]
    return Refused(
        "LG430",
        f"the policy of {environment} does not let {name} be registered: {first.message}",
        seen={"reasons": [f"{one.finding} {one.message}" for one in verdict.reasons]},
        next=first.next or "lockgate policy show",
    )


def _as_refusal(refused: Mapping[str, Any], files: Mapping[str, Digest]) -> LockgateError:
    name, finding = refused["name"], refused["finding"]
    if name not in files or finding not in SCAN_FINDINGS:
        raise ValueError("it refuses what it was not asked about")
    return Refused(
        finding,
        f"{name} does not enter the registry: {refused['message']}",
        seen={"file": name, "digest": files[name], **dict(refused["seen"])},
        next=f"lockgate explain {finding}",
    )
