"""Make the twin of somebody's project: their data, contract, code, lock and policy; keys, root and log of its own.

What is read of the project: its files, its policy in force, and where it has them the snapshot of its newest ingest and
the inputs of training, each checked against what was signed. Nothing of it is written, and no key of it is opened. What
the twin cannot have is left out by name (`settings`).
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lockgate.audit.joins import subject
from lockgate.config import FILENAME
from lockgate.contract.inputs import is_imported
from lockgate.contract.sources import expand
from lockgate.drills.replays.cache import own_cache
from lockgate.drills.replays.program import copied
from lockgate.drills.replays.sample import write_sample
from lockgate.drills.replays.scene import LEFT_OUT, Scene, begin
from lockgate.drills.replays.settings import Taken, chosen, twin_policy, twin_settings
from lockgate.errors import Refused, Unavailable
from lockgate.project.folder import Folder
from lockgate.project.threats.program import digest
from lockgate.store.blobs import BlobStore
from lockgate.trust.policy import FILENAME as POLICY

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.config import Config
    from lockgate.core.digest import Digest
    from lockgate.drills.replays.program import Program

MOST_ROWS: Final = 50_000
"""More rows than these are cut, where nobody says how many: a run must not take minutes."""
SAMPLE: Final = 5_000
"""So many are taken then."""
_MOST_UNKNOWN: Final = 4 << 20
"""Bytes of sources of which nobody has counted the rows. One of Parquet counts for eight."""
_PACKED: Final = 8
_MOST_FILE: Final = 16 << 20
"""A larger file that no setting names is not copied."""
_DATA: Final = "drill-data"
_SECRET: Final = shutil.ignore_patterns(
    *(".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", ".netrc", ".pypirc", "id_rsa", "id_dsa", "id_ecdsa*"),
    *("id_ed25519*", ".ssh", ".aws", ".gnupg", ".kube", ".docker"),
)
"""Credentials that lie in a project by habit. No attack needs them, and each would be copied for each attack."""


@dataclass(frozen=True)
class Plan:
    """What will be in the twin.

    Attributes:
        settings: its lockgate.toml. `policy`: its policy.toml. `in_force`: digest of the policy that it is made of.
        program: digest of the program that will be attacked.
        lenient: the environment in which its model goes live. `strict`: the one that asks for most.
        snapshot: where rows are taken from, so many as `rows`; None where it has the project's own files.
        inputs: by name, the stored files of `[[input]]` that are not files of the project.
    """

    settings: Taken
    policy: Taken
    in_force: Digest
    program: Digest
    lenient: str
    strict: str
    files: tuple[str, ...]
    rows: int = 0
    snapshot: Path | None = None
    inputs: Mapping[str, Path] | None = None

    @property
    def left_out(self) -> tuple[str, ...]:
        """What of the project's settings and policy is not in it, by name."""
        return (*self.settings.left_out, *self.policy.left_out)


def plan(project: Folder, *, rows: int = 0, strict: str = "") -> Plan:
    """What the twin of a project will be; of one model of it: `project.model`.

    `rows`: at most so many; 0 leaves up to 50,000 as they are, and cuts what is larger to 5,000. `strict`: the
    environment whose rules are to stop attacks.

    Raises Usage of the settings or the policy (LG942, LG843); Refused LG9003 where its rows are not here; what
    `Folder.ledger` raises: LG946 without a log, LG825 where its root is not pinned, others of a damaged log.
    """
    project.config.only()
    # A stranger's lockgate.toml may name commands (`cmd:`): nothing is founded for a root that nobody pinned.
    ledger = project.ledger()
    head = ledger.head("ingest", project.model)
    policy = project.policy(ledger)
    text = policy.text
    if strict:
        policy.environment(strict)
    lenient, most = chosen(policy.environments, strict)
    data = BlobStore(project.home / "data" / "sha256", project.home / "state" / "tmp")
    snapshot, kept = _rows(project, head, data, rows)
    inputs = dict(_inputs(project.config, data))
    settings = twin_settings(
        (project.root / FILENAME).read_text(encoding="utf-8"),
        project.model,
        sources=() if snapshot is None else (f"{_DATA}/*",),
        inputs={name: f"{_DATA}-inputs/{name}" for name in inputs},
    )
    taken = twin_policy(text, cut=snapshot is not None)
    files = () if snapshot is not None else project.config.data.sources
    named = (*files, *(one.source for one in project.config.inputs if one.name not in inputs))
    named = (*named, *filter(None, (project.config.environment.osv,)))
    return Plan(settings, taken, policy.digest, digest(), lenient, most, named, kept, snapshot, inputs)


def make(project: Folder, wanted: Plan, place: Path, program: Program, *, say: Callable[[str], None]) -> Scene:
    """The twin below `place`: founded, run, deployed in the lenient environment. `program.home` becomes `place`.

    What is attacked is a copy of this program's sources. Raises Unavailable LG9001 where a step fails; OSError.
    """
    target = place / "twin"
    say("compiling the program")
    program = replace(program, home=place, path=copied(place / "program"))
    if digest(program.path) != wanted.program:
        raise Unavailable("LG9001", "the program is changed while a twin is made", next="lockgate drill")
    named = {name for pattern in wanted.files for name in expand(project.root, pattern)}
    say("copying the project's files")
    shutil.copytree(project.root, target, symlinks=True, ignore=partial(_ignored, project.root, named))
    _link(project.root, target)
    _write(target / FILENAME, wanted.settings.text)
    _write(target / POLICY, wanted.policy.text)
    if wanted.snapshot is not None:
        say(f"taking {wanted.rows:,} rows of the snapshot")
        (target / _DATA).mkdir()
        write_sample(wanted.snapshot, target / _DATA, wanted.rows, project.config.data)
    for name, file in (wanted.inputs or {}).items():
        (target / f"{_DATA}-inputs").mkdir(exist_ok=True)
        shutil.copyfile(file, target / f"{_DATA}-inputs" / name)
    lock = target / project.config.train.lock
    program = replace(program, cache=own_cache(place, lock.read_bytes() if lock.is_file() else b""))
    scene = Scene(place, target, program, lenient=wanted.lenient, strict=wanted.strict)
    return begin(scene, say=say)


def _rows(project: Folder, head: Evidence | None, data: BlobStore, rows: int) -> tuple[Path | None, int]:
    """The snapshot to take rows from, and how many; None where the twin gets the project's own files."""
    settings = project.config.data
    local = not any(":" in pattern.split("/")[0] for pattern in settings.sources)
    if head is None:
        if not local:
            raise _absent("its rows come from elsewhere, and were never taken in")
        if not rows and _size(project.root, settings.sources) <= _MOST_UNKNOWN:
            return None, 0
        raise _absent("how many rows it has is known once they were taken in")
    total = _counted(head)
    most = rows or (total if total <= MOST_ROWS else SAMPLE)
    if local and total <= most:
        return None, total
    digest = subject(head.statement, "snapshot.parquet")
    if digest is None or not data.has(digest):
        raise _absent("its snapshot is not on this machine")
    data.check(digest)
    return data.path(digest), min(most, total)


def _counted(head: Evidence) -> int:
    found = head.predicate["buildDefinition"]["resolvedDependencies"]
    return sum(int(one.get("annotations", {}).get("rows", 0)) for one in found)


def _inputs(config: Config, data: BlobStore) -> Iterator[tuple[str, Path]]:
    """Inputs of training that are no files of the project, as ingest stored them."""
    for one in config.inputs:
        if not is_imported(one.source) and ":" not in one.source.split("/")[0]:
            continue
        digest: Digest = one.sha256
        if not data.has(digest):
            raise _absent(f"the input {one.name} is not on this machine")
        data.check(digest)
        yield one.name, data.path(digest)


def _size(root: Path, patterns: tuple[str, ...]) -> int:
    return sum(_weight(root / name) for pattern in patterns for name in expand(root, pattern))


def _weight(path: Path) -> int:
    with path.open("rb") as file:
        packed = file.read(4) == b"PAR1"
    return path.stat().st_size * (_PACKED if packed else 1)


def _absent(why: str) -> Refused:
    return Refused("LG9003", f"there are no rows for a twin of this project: {why}", next="lockgate ingest")


def _ignored(root: Path, named: set[str], folder: str, names: list[str]) -> set[str]:
    """What is not copied.

    Other tools' folders, credentials, what is no file, links (`_link`), and large files that nobody names.
    """
    here = Path(folder).relative_to(root)
    found = LEFT_OUT(folder, names) | {one for one in _SECRET(folder, names) if (here / one).as_posix() not in named}
    for name in set(names) - found:
        path = Path(folder) / name
        seen = path.lstat()
        large = seen.st_size > _MOST_FILE and path.relative_to(root).as_posix() not in named
        if not stat.S_ISDIR(seen.st_mode) and (large or not stat.S_ISREG(seen.st_mode)):
            found.add(name)
    return found


def _link(root: Path, target: Path) -> None:
    """Links of the project that lead to what is inside it, so that those of the twin lead to what is inside the twin.

    No other one is made: an attack that writes through a link must not reach the project, or anything of the user's.
    """
    real = Path(os.path.realpath(root))
    for folder, folders, files in os.walk(real):
        folders[:] = sorted(set(folders) - LEFT_OUT(folder, folders))
        for name in (*folders, *files):
            path = Path(folder) / name
            leads = Path(os.path.realpath(path))
            if not path.is_symlink() or not leads.is_relative_to(real):
                continue
            place = target / path.relative_to(real)
            if place.parent.is_dir() and (target / leads.relative_to(real)).exists():
                place.symlink_to(os.path.relpath(leads, path.parent))


def _write(path: Path, text: str) -> None:
    """A file of its own, whatever is there."""
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
