"""The files that scoring gives out: each new, durable, for its owner only, and under its name only when all is done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from lockgate.errors import Usage
from lockgate.pipeline.scoring.spec import Wanted
from lockgate.pipeline.scoring.writing import ENDINGS
from lockgate.store.files import publish, writing


def check_out(wanted: Wanted) -> str:
    """The ending of OUT. Raises Usage LG675."""
    ending = wanted.out.suffix
    if ending not in ENDINGS:
        raise Usage(
            "LG675",
            f"predictions are written as {' or '.join(ENDINGS)}, not as {wanted.out.name}",
            seen={"out": str(wanted.out)},
            next="lockgate predict REF IN --out predictions.parquet",
        )
    for path in (wanted.out, wanted.receipt, wanted.quarantine):
        if os.path.lexists(path):
            raise _taken(path)
    return ending


def _taken(path: Path) -> Usage:
    return Usage(
        "LG675",
        f"{path} is there already; predictions replace nothing",
        seen={"file": str(path)},
        next="give another --out, or move the file away with its receipt",
    )


@contextmanager
def beside(out: Path) -> Iterator[Path]:
    """A private folder on OUT's own file system. Raises Unavailable LG801."""
    with ExitStack() as stack:
        with writing(out):
            name = stack.enter_context(TemporaryDirectory(dir=out.parent, prefix=".lockgate-"))
        yield Path(name)


def draft(path: Path, source: Path | bytes) -> Path:
    """A durable file for its owner only."""
    with writing(path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            if isinstance(source, bytes):
                file.write(source)
            else:
                with source.open("rb") as given:
                    copyfileobj(given, file)
            file.flush()
            os.fsync(fd)
    return path


def give(made: Path, path: Path) -> None:
    """Its own name, which nobody took meanwhile."""
    try:
        with writing(path):
            publish(made, path)
    except FileExistsError:
        raise _taken(path) from None
