"""`lockgate validate DATA... --contract contract.py:Model --out DIR`: the same verdict without a project.

Nothing is signed or logged, no policy applies. Reading and judging are those of `ingest` and `validate`: the same
jails, Lockgate's own environment for the contract.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.contract.closure import Closure, capture_code
from lockgate.contract.reading import read_sources
from lockgate.contract.share import shown
from lockgate.contract.sources import SourceFile, capture, expand
from lockgate.contract.spec import ACCEPTED, QUARANTINE
from lockgate.core.shown_html import Shown
from lockgate.errors import Usage
from lockgate.sandbox.settings import PythonEnv
from lockgate.store.files import atomic_write, fsync_folder, hash_fd, open_nofollow, writing
from lockgate.validate import rules
from lockgate.validate.examine import Examined, Question, examine
from lockgate.validate.spec import Options, Reckoning

REPORT = "report.json"
OUTPUTS = (ACCEPTED, QUARANTINE, REPORT)

_PRIVATE = 0o600
_LEFTOVER = ".lockgate-"


@dataclass(frozen=True, repr=False)
class Validated(Shown):
    """Where the three files are, the counts, and report.json as a value."""

    out: Path
    reckoning: Reckoning
    details: Mapping[str, Any]


def validate_files(
    patterns: Sequence[str],
    contract: str,
    out: Path,
    options: Options | None = None,
    *,
    folder: Path | None = None,
) -> Validated:
    """Judge the files that `patterns` stand for by `contract` ("contract.py:Model"); write OUTPUTS to `out`.

    `out` is new, empty, or holds the outputs of an earlier call, which are replaced; paths are relative to
    `folder` (default: the current directory). The code beside the contract (*.py) is captured with it.
    Raises what ingest and validate raise about sources and contract; Usage LG216 about `out`; LG222 to LG226 about
    the cluster that `options` names.
    """
    chosen = options or Options()
    folder = folder or Path.cwd()
    file, model = _reference(contract)
    target = folder / out
    _prepare(target)
    with writing(target), tempfile.TemporaryDirectory(dir=target, prefix=_LEFTOVER) as name, ExitStack() as share:
        scratch = Path(name)
        sources = _capture(folder, patterns, scratch)
        code = (folder / file).absolute()
        closure = capture_code(code.parent, ("*.py",), code.name, scratch / "code")
        snapshot, account, _ = read_sources(
            sources, null=chosen.null, delimiter=chosen.delimiter, encoding=chosen.encoding, into=scratch / "read"
        )
        shared = share.enter_context(shown(snapshot, chosen.cluster)) if chosen.cluster else None
        question = Question(
            snapshot=snapshot,
            files=[{"name": s.name, "rows": n} for s, n in zip(sources, account.rows, strict=True)],
            closure=closure,
            contract_file=code.name,
            model=model,
            label=None,
            sensitive=chosen.sensitive,
            dates=chosen.dates,
            numbers=chosen.numbers,
            key=secrets.token_bytes(32),
            cluster=shared,
        )
        examined = examine(question, PythonEnv.own(), scratch)
        details = _report(f"{file}:{examined.table.model}", examined, closure, snapshot, sources)
        if chosen.cluster:
            details["cluster"] = chosen.cluster.address
        _publish(examined, rules.encode_report(details), target)
    return Validated(target, examined.reckoning, details)


def _reference(contract: str) -> tuple[str, str | None]:
    file, _, model = contract.rpartition(":") if ".py:" in contract else (contract, "", "")
    if not file.endswith(".py"):
        raise Usage(
            "LG205",
            f"a contract is a file and a class, not {contract!r}",
            seen={"contract": contract},
            next="write --contract contract.py:Model",
        )
    return file, model or None


def _prepare(target: Path) -> None:
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
    for name in sorted(os.listdir(target)):
        path = target / name
        if name.startswith(_LEFTOVER) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif name not in OUTPUTS or path.is_symlink() or not path.is_file():
            raise Usage(
                "LG216",
                f"{target} holds {name}, which is no earlier output: nothing was written",
                seen={"folder": str(target), "found": name},
                next="give --out a new or empty folder",
            )


def _capture(folder: Path, patterns: Sequence[str], scratch: Path) -> list[SourceFile]:
    names = dict.fromkeys(name for pattern in patterns for name in expand(folder, pattern))
    return [capture(folder, name, scratch / f"source-{number:05d}") for number, name in enumerate(names)]


def _report(
    reference: str, examined: Examined, closure: Closure, snapshot: Path, sources: Sequence[SourceFile]
) -> dict[str, Any]:
    fd = open_nofollow(snapshot)
    try:
        digest = hash_fd(fd)
    finally:
        os.close(fd)
    verdict = rules.decide(examined.reckoning, examined.table, max_share=1.0, enforce=False)
    file = reference.rpartition(":")[0].rpartition("/")[2]
    contract = {"reference": reference, "digest": closure.digest_of(file), "closure": closure.digest}
    said = rules.report(examined.account, verdict, contract=contract, snapshot=digest)
    return {**said, "sources": [{"name": s.name, "sha256": s.digest, "bytes": s.size} for s in sources]}


def _publish(examined: Examined, report: bytes, target: Path) -> None:
    for name in (ACCEPTED, QUARANTINE):
        path = examined.files[name]
        path.chmod(_PRIVATE)
        os.replace(path, target / name)
    fsync_folder(target)
    atomic_write(target / REPORT, report, _PRIVATE)
