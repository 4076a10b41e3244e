"""An estimator of a notebook, as a draft takes it: pickled here, opened in the train jail only; and as source.

What is pickled is the person's own object in their own process. The pickle is a program, and is treated as one.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any, Final

from lockgate.errors import Usage

_MOST: Final = 64 << 20
_HEAD: Final = '"""Train. Written from a notebook\'s estimator: look at it before it is run."""\n'


@dataclass(frozen=True)
class Notebook:
    """The estimator: its pickle, its class, and a train.py that makes it."""

    pickled: bytes
    name: str
    code: str


def of(estimator: object, label: str, params: Mapping[str, Any]) -> Notebook:
    """Take a copy of an estimator, unfitted, with `params` set.

    Raises Usage LG3107 (it is none, or has no such parameter), LG3106 (a part of it lives in the notebook).
    """
    if isinstance(estimator, type) or not callable(getattr(estimator, "fit", None)):
        raise _not_one(f"{type(estimator).__name__} has no fit")
    if not callable(getattr(estimator, "get_params", None)):
        raise _not_one(f"{type(estimator).__name__} has no get_params")
    copy = _unfitted(estimator)
    try:
        copy.set_params(**params)
    except ValueError as error:
        raise _not_one(str(error)) from None
    return Notebook(_pickled(copy), type(estimator).__name__, code_of(copy, label))


def _unfitted(estimator: Any) -> Any:
    """A copy without what a fit left: a draft fits on the project's rows, and not on the notebook's."""
    try:
        from sklearn.base import clone

        return clone(estimator)
    except ImportError:
        return estimator
    except (TypeError, RuntimeError) as error:
        raise _not_one(str(error)) from None


class _Pickler(pickle.Pickler):
    """Knows which classes and functions of a notebook's cells it was asked for."""

    def __init__(self, sink: io.BytesIO) -> None:
        super().__init__(sink, protocol=5)
        self.homeless: list[str] = []

    def reducer_override(self, thing: Any) -> Any:
        """Note what `thing` is; pickle it as ever."""
        if isinstance(thing, type | FunctionType) and _is_of_a_cell(thing):
            self.homeless.append(thing.__qualname__)
        if isinstance(thing, MethodType) and _is_of_a_cell(thing.__func__):
            self.homeless.append(thing.__qualname__)
        return NotImplemented


def _is_of_a_cell(thing: Any) -> bool:
    return thing.__module__ == "__main__" or "<" in thing.__qualname__


def _pickled(estimator: Any) -> bytes:
    sink = io.BytesIO()
    pickler = _Pickler(sink)
    failed = ""
    try:
        pickler.dump(estimator)
    except Exception as error:  # noqa: BLE001 - whatever a class raises when it is pickled
        failed = f"it cannot be pickled: {error}"
    if pickler.homeless:
        raise Usage(
            "LG3106",
            f"{', '.join(dict.fromkeys(pickler.homeless))} lives in the notebook, where the jail cannot find it",
            seen={"estimator": type(estimator).__name__},
            next="write it into a file of the project, such as steps.py, import it from there, and draft again",
        )
    if failed:
        raise _not_one(failed)
    if sink.tell() > _MOST:
        raise _not_one(f"it takes {sink.tell() >> 20} MiB; an unfitted one takes at most {_MOST >> 20}")
    return sink.getvalue()


def code_of(estimator: Any, label: str) -> str:
    """A train.py that makes `estimator`; where a part has no source that makes it again, one that says so."""
    expression = repr_of(estimator)
    imports, unknown = _imports(estimator)
    body = (
        'def train(data, params):\n    """`params` are [train.params] of lockgate.toml: those of set_params."""\n'
        f"    model = {_indented(expression)}\n    model.set_params(**params)\n"
        f"    return model.fit(data.drop(columns={label!r}), data[{label!r}])\n"
    )
    text = f"{_HEAD}\n{imports}\n\n\n{body}"
    missing = [*unknown, *([] if _is_made(imports, expression) else ["a value that has no short spelling"])]
    if missing:
        remark = "".join(f"# Not written from the estimator, complete by hand: {one}\n" for one in missing)
        return f"{_HEAD}\n{remark}{imports}\n\n\n{body}"
    return text


def repr_of(estimator: Any) -> str:
    """The estimator as an expression, whole, however long."""
    shown: Any = type(estimator).__repr__
    try:
        return str(shown(estimator, N_CHAR_MAX=10**9))  # scikit-learn's own shortens at 700
    except TypeError:
        return repr(estimator)


def _imports(estimator: Any) -> tuple[str, list[str]]:
    """`from sklearn.x import Y` for each class in it, and what has none."""
    found: dict[str, set[str]] = {}
    unknown = []
    for part in _parts(estimator, set()):
        kind = part if isinstance(part, FunctionType) else type(part)
        place = _public(kind)
        if place is None:
            unknown.append(kind.__qualname__)
        else:
            found.setdefault(place, set()).add(kind.__name__)
    lines = [f"from {place} import {', '.join(sorted(names))}" for place, names in sorted(found.items())]
    return "\n".join(lines), list(dict.fromkeys(unknown))


def _parts(thing: Any, seen: set[int]) -> Iterator[Any]:
    """The estimators in an estimator, itself first."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if callable(getattr(thing, "get_params", None)) and not isinstance(thing, type):
        yield thing
        for value in thing.get_params(deep=False).values():
            yield from _parts(value, seen)
    elif isinstance(thing, list | tuple):
        for one in thing:
            yield from _parts(one, seen)
    elif isinstance(thing, dict):
        for one in thing.values():
            yield from _parts(one, seen)
    elif isinstance(thing, FunctionType):
        yield thing


def _public(kind: Any) -> str | None:
    """The module from which people import it: the shortest that has it."""
    import sys

    names = kind.__module__.split(".")
    for stop in range(1, len(names) + 1):
        place = ".".join(names[:stop])
        module = sys.modules.get(place)
        if getattr(module, kind.__name__, None) is kind:
            return place
    return None


def _is_made(imports: str, expression: str) -> bool:
    """Whether the text makes what it says: it is run, in the process that holds the estimator, and spelled again."""
    space: dict[str, Any] = {}
    try:
        exec(imports, space)  # noqa: S102 - imports of modules that this process has imported already
        again = eval(expression, space)  # noqa: S307 - the person's own object, as it spells itself
    except Exception:  # noqa: BLE001 - then it does not
        return False
    return repr_of(again) == expression


def _indented(expression: str) -> str:
    return expression.replace("\n", "\n    ")


def _not_one(why: str) -> Usage:
    return Usage(
        "LG3107",
        f"this is no estimator that can be drafted: {why}",
        next="project.draft(make_pipeline(StandardScaler(), LogisticRegression()))   # or draft() alone: train.py",
    )
