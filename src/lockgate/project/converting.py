"""`convert`: a file that may bite becomes one that cannot, and what was done is written beside it.

Nothing is signed: the file beside the result says where it comes from, to whoever trusts this machine. What the jail of
the source said is not believed of the result; that is looked at in a jail of its own before it gets its name.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.contract.sources import SourceFile, capture
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.project.mlflow_folder import model_in
from lockgate.register import converting as tensors
from lockgate.sandbox.levels import at_least
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import PythonEnv
from lockgate.store.files import atomic_write, publish, writing
from lockgate.train import foreign

if TYPE_CHECKING:
    from lockgate.project import Project

ENDINGS = {"safetensors": ".safetensors", "onnx": ".onnx"}
SAMPLES = {".parquet": "parquet", ".csv": "csv"}
SAID = ".json"
WORD = "what is said of the model is the source's own word: it ran as a program, which could write this itself"
_LEFTOVER = ".lockgate-"
_MODE = 0o644


@dataclass(frozen=True)
class Conversion:
    """What was made, and all that is known of how."""

    out: Path
    said: Path
    facts: Mapping[str, Any]

    @property
    def format(self) -> str:
        """`onnx` or `safetensors`."""
        return str(self.facts["result"]["format"])


def convert(
    source: Path,
    out: Path,
    *,
    project: Project | None = None,
    python: Path | None = None,
    sample: Path | None = None,
    force: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Conversion:
    """Make `out` (ONNX or safetensors) and `out` + ".json" of the model file `source`.

    A folder is an MLflow model or run: the file is the one that its MLmodel names (Usage LG9050, LG9051).

    1. The names are free, or `force` gives them.   2. The source is copied; its digest is that of the copy.
    3. A jail tells what it is; tensors come out without executing anything.   4. What has to be executed runs in a jail
    that has nothing, with the libraries of `python` (a virtual environment) or of the `project`, and is compared.
    5. Another jail looks at the result.   6. It gets its name, and what was done is written beside it.

    Raises Usage LG480 (1), LG102, LG118, LG105 (2); Refused LG481 to LG483 (3), LG484 to LG488 (4), LG410 to LG425,
    LG465 (5); Unfit where there is no jail, or a lesser one than the project's policy asks for.
    """
    given = model_in(source) if source.is_dir() else None
    if given is not None:
        source = given.file
        say(given.line())
    # 1.
    said = out.with_name(out.name + SAID)
    _check_names(source, out, said, force=force)
    level = nullcontext() if project is None else at_least(project.least_jail_level())
    with level, _scratch(out.parent) as scratch:
        # 2.
        copy = _captured(source, scratch / "source")
        taken = None if sample is None else _sample(sample, scratch / "sample")
        # 3.
        say(f"reading {source.name} in a jail that has nothing")
        looked = tensors.look(copy.path, copy.size, scratch / "look")
        _check_ending(source, out, looked)
        # 4.
        result, made, report = _made(
            looked, copy, taken, project=project, python=python, into=scratch / "run", say=say, source=source
        )
        # 5.
        say("looking at what came out, in another jail")
        checked = tensors.check(result, out.name, scratch / "check")
        # 6.
        facts = {
            "source": {
                "name": source.name,
                "digest": copy.digest,
                "bytes": copy.size,
                "form": looked.form,
                **({"mlflow": dict(given.told)} if given else {}),
            },
            "result": {
                "name": out.name,
                "digest": checked.digest,
                "bytes": result.stat().st_size,
                "format": checked.form,
                "facts": dict(checked.facts),
            },
            **made,
            "jails": {
                "look": _proof(looked.report),
                "convert": report and _proof(report),
                "check": _proof(checked.report),
            },
        }
        _publish(result, out, force=force)
        atomic_write(said, encode({"schema": "lockgate.convert/v1", **facts}) + b"\n", _MODE)
    return Conversion(out, said, facts)


def _made(
    looked: tensors.Looked,
    copy: SourceFile,
    sample: tuple[SourceFile, str] | None,
    *,
    project: Project | None,
    python: Path | None,
    into: Path,
    say: Callable[[str], None],
    source: Path,
) -> tuple[Path, dict[str, Any], JailReport | None]:
    """The result, what is said of its making, and the proof of the jail that executed the source, if one did."""
    if looked.result is not None:
        return looked.result, {"executed": False, "tensors": dict(looked.facts)}, None
    with _environment(looked, source, project, python) as environment:
        say(f"executing it ({looked.form}) in a jail that has nothing; comparing what it says with what comes out")
        found = foreign.convert(
            copy.path, looked.form, environment, into, sample=sample and (sample[0].path, sample[1])
        )
    given = {} if sample is None else {"sample": {"digest": sample[0].digest, "name": sample[0].name}}
    return found.result, {"executed": True, "model": dict(found.facts), "word": WORD, **given}, found.report


@contextmanager
def _environment(
    looked: tensors.Looked, source: Path, project: Project | None, python: Path | None
) -> Iterator[PythonEnv]:
    if python is not None:
        yield PythonEnv.of(python.absolute())
    elif project is not None:
        with project.workplace() as place:
            yield place.python()
    else:
        needs = f", for it needs {looked.why}" if looked.why else ""
        raise Refused(
            "LG484",
            f"{source.name} ({looked.form}) has to be executed to be converted{needs}: no environment was named",
            seen={"form": looked.form, "needs": looked.why},
            next=f"lockgate convert {source} OUT.onnx --python VENV   # or --project DIR, with its libraries locked",
        )


def _check_names(source: Path, out: Path, said: Path, *, force: bool) -> None:
    if out.suffix not in ENDINGS.values():
        raise Usage(
            "LG480",
            f"{out.name} does not say what it will be",
            seen={"endings": list(ENDINGS.values())},
            next="name the result OUT.safetensors (tensors) or OUT.onnx (a model that predicts)",
        )
    if not out.parent.is_dir():
        raise Usage("LG480", f"there is no folder {out.parent}", next=f"mkdir -p {out.parent}")
    for path in (out, said):
        if not os.path.lexists(path):
            continue
        if path.is_symlink() or not path.is_file() or (source.exists() and path.samefile(source)):
            raise Usage("LG480", f"{path} is there and is not replaced", next="name a new file")
        if not force:
            raise Usage(
                "LG480", f"{path} is there already: nothing was written", next="name a new file, or say --force"
            )


def _check_ending(source: Path, out: Path, looked: tensors.Looked) -> None:
    wanted = "safetensors" if looked.result is not None else "onnx"
    if out.suffix != ENDINGS[wanted]:
        raise Usage(
            "LG480",
            f"{source.name} becomes {wanted}, which {out.name} does not say",
            seen={"form": looked.form, "becomes": wanted},
            next=f"lockgate convert {source} {out.with_suffix(ENDINGS[wanted])}",
        )


def _captured(source: Path, into: Path) -> SourceFile:
    if source.is_file() and source.stat().st_size > tensors.MOST_SOURCE:
        raise Usage(
            "LG480",
            f"{source.name} is larger than the limit",
            seen={"bytes": source.stat().st_size, "limit": tensors.MOST_SOURCE},
            next="convert it where it was made: safetensors.torch.save_file, or torch.onnx.export",
        )
    copy = capture(source.absolute().parent, source.name, into)
    into.chmod(0o444)
    return copy


def _sample(sample: Path, into: Path) -> tuple[SourceFile, str]:
    form = SAMPLES.get(sample.suffix)
    if form is None:
        raise Usage("LG480", f"{sample.name} is no .parquet and no .csv", next="--sample rows.parquet")
    return _captured(sample, into), form


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """A private folder beside the result, so that the result gets its name by a link."""
    with writing(parent), tempfile.TemporaryDirectory(dir=parent, prefix=_LEFTOVER) as name:
        yield Path(name)


def _publish(result: Path, out: Path, *, force: bool) -> None:
    result.chmod(_MODE)
    with writing(out):
        if force:
            os.replace(result, out)
            return
        try:
            publish(result, out)
        except FileExistsError:
            raise Usage("LG480", f"{out} appeared meanwhile: nothing was written", next="name a new file") from None


def _proof(report: JailReport) -> dict[str, object]:
    return {"level": report.level, "launcher": report.launcher, "settings_digest": report.settings_digest}


def here(directory: str) -> Project | None:
    """The project in `directory`; without a name the one that is here, or None. Raises as `Project.open`."""
    from lockgate.project import Project

    if directory:
        return Project.open(directory)
    try:
        return Project.open(".")
    except LockgateError:
        return None
