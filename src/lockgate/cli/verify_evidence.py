"""`lockgate verify FILE.tlog-proof|FILE.evidence.zip`: evidence away from the project that it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from lockgate.cli.render import Talk

PROOF, ARCHIVE = ".tlog-proof", ".evidence.zip"


def is_evidence(target: str) -> bool:
    """Whether `target` names such a file: by its ending alone, so that no file here can take a REF's place."""
    return target.endswith((PROOF, ARCHIVE))


def verify_evidence(talk: Talk, target: str, root: str, leaf: str | None) -> int:
    """Check the file and say what is proved. Raises as `verify_archive` and `verify_proof`."""
    now = datetime.now(UTC)
    if target.endswith(ARCHIVE):
        from lockgate.project.offline_archive import verify_archive

        report = verify_archive(Path(target), now, root=root)
        talk.data(report.text())
        talk.result("verify", {**report.as_json(), "archive": target})
        talk.next(
            "python3 -I lockgate_verify.py --root FP ARCHIVE   # the same by a program that shares no code with this"
        )
        return 0
    from lockgate.project.offline import verify_proof

    found = verify_proof(Path(target), now, root=root, leaf=Path(leaf) if leaf else None)
    talk.data(found.text())
    talk.result("verify", found.as_json())
    talk.next("lockgate export evidence REF   # all that there is about a model, in one file")
    return 0
