"""Training runs as a person names them: run one again, take out what it left beside its model."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit.refs import resolve
from lockgate.errors import Refused, Usage
from lockgate.project import Project
from lockgate.project.collecting import why_missing
from lockgate.project.folder import DEV
from lockgate.store.blobs import BlobStore
from lockgate.store.files import write_all, writing
from lockgate.train import rules
from lockgate.train.spec import Attachment

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.pipeline import Observer
    from lockgate.train.reproduce import Reproduction

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})\Z")
_MOST = 1 << 30


def train_statement(ref: str, statements: Sequence[Evidence], environment: str) -> Evidence:
    """The train statement that `ref` means: of a registered model, or by its own digest or a unique prefix.

    Raises Usage LG381; for what is a model's name, what `resolve` raises.
    """
    prefix = _DIGEST.match(ref)
    runs = [one for one in statements if one.claim == "train"]
    found = [one for one in runs if prefix and one.digest.startswith(f"sha256:{prefix[1]}")]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise Usage("LG381", f"{ref} fits {len(found)} train statements", seen={"ref": ref}, next="lockgate log show")
    try:
        model = resolve(ref, statements, environment)
    except Usage as error:
        if prefix is None:
            raise
        raise Usage(
            "LG381", f"no model and no train statement is called {ref}", seen=error.seen, next="lockgate log show"
        ) from None
    return next(one for one in runs if one.digest == model.inputs["train"])


def reproduce(
    project: Project, ref: str, *, environment: str = DEV, tolerance: float, observer: Observer
) -> Reproduction:
    """Run what `ref` means again and sign what came of it. Raises what `train.reproduce.reproduce` raises; Usage
    LG940 for a tolerance that is none; Refused LG9031 for a run whose rows or code `gc` took.
    """
    from lockgate.train.reproduce import reproduce as again

    if not 0 <= tolerance <= 1:
        message = f"a tolerance is a number from 0 to 1, not {tolerance}"
        raise Usage("LG940", message, next="lockgate train --reproduce latest --tolerance 0.005")
    with project.workplace(environment, say=observer.say) as place:
        train = train_statement(ref, place.ledger.statements(), environment)
        try:
            return again(place, train, tolerance=tolerance)
        except Refused as missing:
            raise why_missing(project, missing) from None


def attachments(project: Project, ref: str, folder: Path, *, environment: str = DEV) -> tuple[Attachment, ...]:
    """Write what the run of `ref` left beside its model into the new `folder`.

    Each file is checked against the digest that the train statement names, and is never opened otherwise.
    Raises Usage LG382 when `folder` is there; VerificationFailed LG802, LG805 for a stored file that is not the one
    that was signed.
    """
    train = train_statement(ref, project.ledger().statements(), environment)
    store = BlobStore(project.home / "data" / "sha256", project.home / "state" / "tmp")
    return write_attachments(train, store, folder)


def write_attachments(train: Evidence, store: BlobStore, folder: Path) -> tuple[Attachment, ...]:
    """As `attachments`, of a train statement. Raises Refused LG380 when it names them in no form that is known."""
    try:
        found = rules.attachments_of(train.predicate)
    except (KeyError, TypeError, ValueError):
        raise Refused(
            "LG380", "the train statement names its attachments in no form that is known", next="lockgate verify --all"
        ) from None
    if os.path.lexists(folder):
        raise Usage("LG382", f"{folder} is there already", seen={"folder": str(folder)}, next=f"ls -l {folder}")
    with writing(folder):
        folder.mkdir(parents=True, mode=0o700)
        for one in found:
            _write(folder / one.name, store.read(one.digest, _MOST))
    return found


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not executable, whatever it was inside; and never through a link that an earlier name made.
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, data)
    finally:
        os.close(fd)
