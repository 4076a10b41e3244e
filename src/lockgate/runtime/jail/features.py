"""features.py between a record and the model: the same for training, judge and worker. Runs in the jail.

The function is user code. What it gets is a table made anew for each call, of all fields without the label; what it
gives is checked against io.json. What it raises and what is wrong with its table is said by type, line and column,
never with a value: it may be a stranger's record.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lockgate.errors import LockgateError
from lockgate.runtime.jail.columns import arrays_of, check_frame
from lockgate.runtime.jail.model_error import ModelError
from lockgate.runtime.serving import FeatureSpec, Field, Kind, ServingSpec

Array = npt.NDArray[Any]
Function = Callable[[pd.DataFrame], Any]

_MADE_UP: Mapping[Kind, Array] = {
    "float": np.zeros(1),
    "int": np.zeros(1, np.int64),
    "bool": np.zeros(1, np.bool_),
    "string": np.array([""], dtype=object),
    "timestamp": np.zeros(1, np.int64),
}


class Made:
    """A function with what it takes and gives."""

    def __init__(self, function: Function, fields: tuple[Field, ...], features: FeatureSpec, folder: Path) -> None:
        self._function, self._fields, self._features, self._folder = function, fields, features, folder

    def __call__(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        """The features' columns for those of the fields, shape (n,) each. Raises ModelError."""
        batch = frame_of(columns, self._fields, self._features.nullable)
        try:
            made = self._function(batch.copy(deep=False))
        except (MemoryError, LockgateError):
            raise
        except BaseException as error:  # noqa: BLE001 - user code, and one batch must not end the worker for all others
            raise ModelError(f"features() raised {type(error).__name__}{self._where(error)}") from None
        return arrays_of(check_frame(made, batch), self._features.columns)

    def _where(self, error: BaseException) -> str:
        own = [
            line for line in traceback.extract_tb(error.__traceback__) if self._folder in Path(line.filename).parents
        ]
        return f" at {Path(own[-1].filename).relative_to(self._folder)}:{own[-1].lineno}" if own else ""


class Features(Made):
    """The function of a bundle (`runtime.code_bundle`), laid out in a folder of its own and imported from there."""

    def __init__(self, files: Mapping[str, bytes], spec: ServingSpec, folder: Path | None = None) -> None:
        """Import it, from the new `folder` where one is named, and call it once on a made-up row.

        So no request waits for what a first call loads.
        Raises ModelError when the function is not there, or its code raises.
        """
        if spec.features is None:
            raise ModelError("io.json knows of no features")
        try:
            folder = (folder or Path(mkdtemp(prefix="code-"))).resolve()
            for name, data in files.items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        except OSError as error:
            raise ModelError(f"the code of the features cannot be laid out: {error.strerror}") from None
        super().__init__(load(folder, spec.features), spec.fields, spec.features, folder)
        with suppress(ModelError):  # a row of zeros need not be one that the contract lets through
            self({field.name: _MADE_UP[field.kind] for field in spec.fields})


def load(folder: Path, features: FeatureSpec) -> Function:
    """The function `features` names, from the code in `folder`, which leads `sys.path`. Raises ModelError."""
    try:
        function = getattr(imported(folder, features.file), features.name, None)
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001 - the user's code may raise anything at all
        raise ModelError(f"{features.file} raised {type(error).__name__} when it was imported") from None
    if not callable(function):
        raise ModelError(f"{features.file} has no function {features.name!r}")
    return function  # type: ignore[no-any-return]  # whatever it is: what it gives is checked


def imported(folder: Path, file: str) -> Any:
    """The module of `file`, which may import its neighbours. Raises what the user's code raises."""
    sys.dont_write_bytecode = True
    for place in dict.fromkeys((str((folder / file).parent), str(folder))):
        if place not in sys.path:
            sys.path.insert(0, place)
    name = Path(file).stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(folder / file):
        return known  # training has imported it already
    name = f"features_{name}" if known is not None or name in sys.stdlib_module_names else name
    spec = importlib.util.spec_from_file_location(name, folder / file)
    if spec is None or spec.loader is None or not (folder / file).is_file():
        raise FileNotFoundError(file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def frame_of(columns: Mapping[str, Array], fields: tuple[Field, ...], nullable: tuple[str, ...]) -> pd.DataFrame:
    """The table that features() is given: `columns` by the names of `fields`, in their order."""
    floats = set(nullable)
    try:
        return pd.DataFrame(
            {
                field.name: columns[field.name].astype(np.float64) if field.name in floats else columns[field.name]
                for field in fields
            }
        )
    except KeyError as error:
        raise ModelError(f"there is no column {error} for features()") from None
