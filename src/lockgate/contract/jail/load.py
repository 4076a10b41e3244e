"""The user's contract module -> the model class. User code runs here: only ever inside a jail.

The module is imported by file path from the captured code, whose folder leads `sys.path`, so that it may import
its neighbours. Whatever the user's code raises becomes a finding that names file and line.
"""

from __future__ import annotations

import difflib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, RootModel

from lockgate.errors import Refused, Usage


def load_model(job: Path, file: str, name: str | None = None) -> type[BaseModel]:
    """The model called `name` in `file` below `job`, or the only one there when no name is given.

    Raises Usage LG205 (no such file), LG206 (syntax error), LG207 (its code raises), LG208 (no such class, or
    several), LG209 (not a Pydantic v2 model with fields).
    """
    module = _import(job, file)
    found = _named(module, file, name) if name else _only(module, file)
    model = _checked(found, file)
    try:
        complete = model.model_rebuild() is not False and model.__pydantic_complete__
    except Exception as error:  # noqa: BLE001 - annotations are the user's code
        raise _raised(error, job, file) from None
    if not complete:
        raise Usage(
            "LG207",
            f"{file}: an annotation of {model.__name__} names a type that is not defined",
            seen={"model": model.__name__},
            next=f"edit {file}",
        )
    return model


def check_label(model: type[BaseModel], label: str, file: str) -> None:
    """Raises Usage LG210 unless `label` is a field of `model`."""
    if label not in model.model_fields:
        near = difflib.get_close_matches(label, list(model.model_fields), 1)
        raise Usage(
            "LG210",
            f"{model.__name__} has no field {label!r} to predict" + (f"; did you mean {near[0]!r}?" if near else ""),
            seen={"label": label, "fields": list(model.model_fields)},
            next=f"set [data] label in lockgate.toml, or add the field to {file}",
        )


def _import(job: Path, file: str) -> ModuleType:
    path = job / file
    if not path.is_file():
        raise Usage(
            "LG205",
            f"the contract {file} is not among the captured code",
            seen={"file": file},
            next="set [data] contract in lockgate.toml",
        )
    sys.dont_write_bytecode = True
    for folder in dict.fromkeys((str(path.parent), str(job))):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    name = path.stem
    if name in sys.modules or name in sys.stdlib_module_names:
        name = f"contract_{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Usage("LG205", f"{file} is not a Python file", seen={"file": file}, next="name it contract.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        where = _inside(job, error.filename) or file
        raise Usage(
            "LG206",
            f"{where}:{error.lineno}: {error.msg}",
            seen={"file": where, "line": error.lineno, "text": (error.text or "").strip()},
            next=f"edit {where}, line {error.lineno}",
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code
        raise _raised(error, job, file) from None
    return module


def _named(module: ModuleType, file: str, name: str) -> object:
    if not hasattr(module, name):
        models = [m.__name__ for m in _models(module)]
        near = difflib.get_close_matches(name, models, 1)
        raise Usage(
            "LG208",
            f"{file} has no class {name}" + (f"; did you mean {near[0]}?" if near else ""),
            seen={"class": name, "models": models},
            next=_where(file, [*near, *reversed(models)]),
        )
    found: object = getattr(module, name)
    return found


def _where(file: str, models: Sequence[str]) -> str:
    """Where a contract is named, with the likeliest class of the file."""
    named = f"{file}:{models[0] if models else 'ClassName'}"
    return f'in lockgate.toml: [data] contract = "{named}"; with lockgate validate: --contract {named}'


def _only(module: ModuleType, file: str) -> object:
    models = _models(module)
    if len(models) != 1:
        names = [m.__name__ for m in models]
        raise Usage(
            "LG208",
            f"{file} has {len(models)} models: name the one that is a record" if models else f"{file} has no model",
            seen={"models": names},
            next=_where(file, names[::-1]),
        )
    return models[0]


def _models(module: ModuleType) -> list[type[BaseModel]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__
    ]


def _checked(found: Any, file: str) -> type[BaseModel]:
    name = getattr(found, "__name__", type(found).__name__)
    if isinstance(found, type) and issubclass(found, BaseModel) and not issubclass(found, RootModel):
        if found.model_fields:
            return found
        reason = "has no fields"
    elif any(base.__module__.startswith("pydantic.v1") for base in getattr(found, "__mro__", ())):
        reason = "is a model of Pydantic v1"
    else:
        reason = "is not a Pydantic model of a record with named fields"
    raise Usage(
        "LG209",
        f"{file}: {name} {reason}",
        seen={"class": name},
        next=f"write it as: class {name}(pydantic.BaseModel), one annotated field per column",
    )


def _raised(error: BaseException, job: Path, file: str) -> Refused | Usage:
    frames = [(_inside(job, f.filename), f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    where, line = next(((name, line) for name, line in reversed(frames) if name), (file, None))
    place = f"{where}:{line}" if line else where
    missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    return Usage(
        "LG207",
        f"{place}: importing the contract raised {type(error).__name__}: {error}",
        seen={"file": where, "line": line, "error": type(error).__name__},
        next=f"add {missing} to requirements.lock, or do without it in {file}" if missing else f"edit {where}",
    )


def _inside(job: Path, filename: str | None) -> str | None:
    """`filename` relative to the captured code, or None when it is none of the user's."""
    try:
        return str(Path(filename or "").relative_to(job))
    except ValueError:
        return None
