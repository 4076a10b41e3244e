"""A draft becomes a run: its parameters are written into lockgate.toml, then everything is done anew, and signed.

Of the draft nothing goes on but its parameters: rows, code, packages and settings are looked at again, and where one of
them is another than the draft's, nothing is written.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.config import read_config
from lockgate.core.encoding import alike
from lockgate.core.names import PROJECT_FILE
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.project.drafts import making, params_file, store
from lockgate.project.drafts.making import Ready
from lockgate.project.drafts.record import Draft, check_digest
from lockgate.project.drafts.rows import ready_rows
from lockgate.sandbox.levels import at_least
from lockgate.store.files import atomic_write, read_regular, write_new, writing

if TYPE_CHECKING:
    from lockgate.config import Config
    from lockgate.pipeline import Observer, RunResult
    from lockgate.project import Project

_MOST = 1 << 20
_MOST_FILE = 1 << 30


def promote(project: Project, number: int, *, environment: str, observer: Observer) -> RunResult:
    """Write the draft's parameters into lockgate.toml, and run.

    1. The draft is there, ended well, and is of the project's code.   2. Code, rows, packages and settings are its.
    3. lockgate.toml says its parameters.   4. A run, as ever.

    Raises Refused LG3102 to LG3105, LG3108, LG3110, and what a run raises: then lockgate.toml says the parameters.
    """
    draft = store.find(project.home, number)  # 1
    _refuse(draft)
    worker = replace(project, model=draft.model)
    config = worker.config.only()
    place = ready_rows(worker, config, environment, observer)  # 2
    with (
        at_least(place.least_jail_level),
        store.parts_held(place.home),
        tempfile.TemporaryDirectory(prefix="lockgate-try-") as scratch,
    ):
        ready = making.prepare(place, config, Path(scratch))
    _check_same(draft, ready)
    if write_params(worker.root, draft, config):  # 3
        observer.say(f"lockgate.toml: {', '.join(draft.params)} as in draft {number}")
    return replace(worker).run(environment=environment, observer=observer)  # 4


def _refuse(draft: Draft) -> None:
    if draft.finding is not None:
        raise Refused(
            "LG3104",
            f"draft {draft.number} ended with {draft.finding['finding']}: {draft.finding['message']}",
            next=f"lockgate explain {draft.finding['finding']}   # {draft.finding['next']}",
        )
    if draft.notebook:
        raise Refused(
            "LG3110",
            f"draft {draft.number} is an estimator of a notebook: a run trains with the project's code",
            seen={"estimator": draft.estimator},
            next=f"lockgate try --take {draft.number}   # writes draft-{draft.number}/code/train.py: copy it here",
        )


def _check_same(draft: Draft, ready: Ready) -> None:
    """Raises Refused LG3103, which names each file and setting that is another one than the draft's."""
    now = {file.name: file.digest for file in ready.recipe.closure.files}
    files = _differing(draft.files, now)
    rows = _differing(draft.sources, ready.sources)
    if draft.accepted != ready.accepted and not rows:
        rows = ["the accepted rows: contract.py or its environment decides otherwise"]
    settings = _differing(draft.settings, making.settings_of(ready))
    extra = [f"params.{name}" for name in ready.params if name not in draft.params]
    lock = [ready.recipe.spec.lock] if draft.lock != ready.lock else []
    differing = {"code": files, "rows": rows, "settings": settings + extra, "packages": lock}
    seen: dict[str, object] = {name: found for name, found in differing.items() if found}
    if not seen:
        return
    named = [*files, *lock, *rows, *(f"lockgate.toml ({name})" for name in settings + extra)]
    be = "is" if len(named) == 1 else "are"
    back = f"lockgate try --take {draft.number}   # its code, to go back; or lockgate try, with what there is now"
    raise Refused(
        "LG3103",
        f"{', '.join(named[:6])} {be} not as in draft {draft.number}",
        seen=seen,
        next=back if files else "lockgate try",
    )


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*one, *other} if not alike(one.get(name), other.get(name)))


def write_params(root: Path, draft: Draft, config: Config) -> bool:
    """Write the draft's parameters into lockgate.toml; whether anything had to be. Raises Refused LG3108."""
    path = root / PROJECT_FILE
    wanted = {name: value for name, value in draft.params.items() if _new(config, name, value)}
    if not wanted:
        return False
    table: tuple[str, ...] = ("train", "params")
    why = ""
    try:
        # Read once more: nothing may come between what is compared and what is written but these lines.
        text = read_regular(path, _MOST).decode()
        if draft.model in tomllib.loads(text).get("model", {}):
            table = ("model", draft.model, *table)
        before = _read(text, config.name)
        why = "its parameters are not in a form that is edited by lines"
        after = _read(changed := params_file.written(text, table, wanted), config.name)
        right = after == replace(before, train=replace(before.train, params=dict(draft.params)))
        right = right and alike(dict(after.train.params), dict(draft.params))
    except (LockgateError, OSError, StopIteration, ValueError) as error:
        said = error.message if isinstance(error, LockgateError) else str(error)
        raise _unwritten(table, wanted, why or said) from None
    if not right:
        raise _unwritten(table, wanted, "the edited file would not say exactly these")
    atomic_write(path, changed.encode(), os.lstat(path).st_mode & 0o777)
    return True


def _read(text: str, model: str) -> Config:
    return read_config(text).of(model)


def _new(config: Config, name: str, value: Any) -> bool:
    params = config.train.params
    return name not in params or not alike(params[name], value)


def _unwritten(table: tuple[str, ...], wanted: Mapping[str, Any], why: str) -> Refused:
    name = f"[{'.'.join(table)}]"
    return Refused(
        "LG3108",
        f"lockgate.toml was left as it is: {why}",
        seen={name: ", ".join(params_file.line(key, value) for key, value in wanted.items())},
        next=f"write {name} as a table of its own in lockgate.toml, a line for each parameter, then: lockgate run",
    )


def take(project: Project, number: int, folder: Path) -> tuple[str, ...]:
    """Write a draft's code and what it left into the new `folder`; the names. What it left is untrusted.

    Raises Usage LG382 when `folder` is there; Refused LG3102, LG3105; VerificationFailed LG802, LG805 (a stored file
    is not the one that was kept).
    """
    draft = store.find(project.home, number)
    here = store.folder(project.home) / str(number)
    files = store.files_of(here)
    if os.path.lexists(folder):
        raise Usage("LG382", f"{folder} is there already", seen={"folder": str(folder)}, next=f"ls -l {folder}")
    found = {f"code/{name}": files.read(check_digest(digest), _MOST_FILE) for name, digest in draft.files.items()}
    if draft.notebook:
        found["code/train.py"] = draft.notebook.encode()
    found |= {f"beside/{one.name}": files.read(one.digest, _MOST_FILE) for one in draft.beside}
    with writing(folder):
        folder.mkdir(mode=0o700)
        for name, data in found.items():
            (folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Not executable, and never through a link: names were checked when draft.json was read.
            write_new(folder / name, data, 0o644)
    return tuple(found)
