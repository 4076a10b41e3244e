"""A model file that has to be executed becomes ONNX. Runs in a jail that has nothing: no project, no keys, no network.

`main` reads `/in/source`, `/in/sample` if there is one, and the task {"form", "sample"}: the form that an earlier jail
told, and "parquet", "csv" or "". Writes to /out:

    model.onnx        the graph
    converted.json    {"estimator", "task", "features", "serving", "compared", "versions", "warnings"}

Whatever the file is, it runs here as a program, and what is written is its word: the graph is looked at in another
jail, and the comparison is worth what the file is.
"""

from __future__ import annotations

import os
import re
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from lockgate.contract.findings import clean
from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, place, read_task
from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import LockgateError, Refused
from lockgate.train.jail import fit, parity
from lockgate.train.jail.exporters.base import Fitted
from lockgate.train.jail.exporters.choose import fitted_of
from lockgate.train.jail.foreign_rows import GIVEN, Sampled, missing_in, rows_of
from lockgate.train.jail.frame import Rows
from lockgate.train.jail.watch import Watch

RESULT: Final = "model.onnx"
CONVERTED: Final = "converted.json"
LIMIT: Final = 0.001
"""Share of the sample's rows that may differ beyond the tolerance without an explanation, as in training."""
_ENDINGS: Final = {"Keras": ".keras", "HDF5": ".h5", "skops": ".skops", "LightGBM": ".txt", "XGBoost": ".json"}
_MOST_WARNINGS: Final = 5
_NAME = r"'([A-Za-z0-9_.]{1,100})'"
_LOST: Final = re.compile(rf"Can't get attribute {_NAME} on <module {_NAME}")
_LACKED: Final = re.compile(rf"module {_NAME} has no attribute {_NAME}")


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Entry in the jail."""
    guarded(_work, out_dir(), unexpected="LG489")


def _work() -> None:
    task = read_task()
    for name, value in fit.scratch_places(str(place("/tmp"))).items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("KERAS_BACKEND", "torch")
    channel = os.dup(2)
    Watch(lambda line: os.write(channel, line)).install()
    sample = (data_dir() / "sample", task["sample"]) if task["sample"] else None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        held = _loaded(data_dir() / "source", task["form"], place("/tmp"))
    said = {clean(str(each.message), 200): None for each in told if "ersion" in type(each.message).__name__}
    try:
        files = convert(held, rows_of(held, sample), tuple(said)[:_MOST_WARNINGS])
    except Refused as error:
        raise _about_a_file(error) from None
    for name, data in files.items():
        (out_dir() / name).write_bytes(data)


def convert(held: Any, sampled: Sampled, warned: Sequence[str]) -> dict[str, bytes]:
    """model.onnx and converted.json. Raises Refused LG311 to LG314, LG316, LG337, LG338, LG481, LG488."""
    fitted, rows, missing = _fitted(held, sampled)
    try:
        fitted.answers(rows.data)
    except LockgateError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library says of inputs that it cannot take
        raise Refused(
            "LG488",
            f"the model does not take the sample ({type(error).__name__}: {clean(str(error), 200)})",
            seen={"columns": list(rows.data.columns)[:24], "made": sampled.made},
            next="lockgate convert IN OUT --sample rows.parquet",
        ) from None
    exported = fitted.export()
    if exported.data is not None:
        raise Refused("LG481", "its graph is too large for one file", next="return the model from train() in a project")
    compared = parity.compare(fitted, parity.loaded(exported), rows, LIMIT)
    parity.judge(compared, LIMIT)
    facts = {
        "estimator": clean(fitted.name, 200),
        "task": fitted.task,
        "features": list(fitted.features),
        "serving": decode_exact(exported.spec.encode()),
        "compared": {**compared.facts, "missing": missing, "sample": sampled.made},
        "versions": fitted.versions,
        "warnings": list(warned),
    }
    return {RESULT: exported.model, CONVERTED: encode(facts)}


def _fitted(held: Any, sampled: Sampled) -> tuple[Fitted, Rows, int]:
    """The model, the rows to compare on, and how many of them miss something: none where it has no answer for such.

    Rows that a person gave are all asked about, and those that miss something in what the model takes are counted.
    """
    if sampled.made == GIVEN:
        fitted = fitted_of(held, sampled.rows, "auto")
        return fitted, sampled.rows, missing_in(sampled.rows, fitted.features)
    if sampled.missing:
        try:
            fitted = fitted_of(held, sampled.rows, "auto")
            found = fitted.answers(sampled.rows.data)
            numbers = found.values if found.probabilities is None else found.probabilities
            if np.isfinite(np.asarray(numbers)).all():
                return fitted, sampled.rows, sampled.missing
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001, S110 - it is asked again without missing values
            pass
    rows = sampled.without_missing()
    return fitted_of(held, rows, "auto"), rows, 0


def _loaded(source: Path, form: str, scratch: Path) -> Any:
    try:
        return _load(source, form, scratch)
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001 - the file is a program and may raise anything at all
        traceback.print_exception(error)
        raise _not_loaded(error) from None


def _load(source: Path, form: str, scratch: Path) -> Any:
    ending = _ENDINGS.get(form)
    if ending is not None:
        with source.open("rb") as stream:
            ending = ".ubj" if stream.read(2) == b"{L" else ending
        named = scratch / f"model{ending}"
        named.symlink_to(source)
        source = named
    match form:
        case "pickle" | "compressed joblib":
            import joblib

            return joblib.load(source)
        case "torch checkpoint" | "torch checkpoint, older form":
            import torch  # type: ignore[import-not-found]

            return torch.load(source, map_location="cpu", weights_only=False)
        case "Keras" | "HDF5":
            import keras  # type: ignore[import-not-found]

            return keras.saving.load_model(source, compile=False, safe_mode=False)
        case "skops":
            from skops.io import get_untrusted_types, load  # type: ignore[import-not-found]

            return load(source, trusted=get_untrusted_types(file=source))
        case "LightGBM":
            import lightgbm

            return lightgbm.Booster(model_file=str(source))
        case _:
            import xgboost

            booster = xgboost.Booster()
            booster.load_model(source)
            return booster


def _not_loaded(error: BaseException) -> Refused:
    said = clean(str(error), 200)
    lost, lacked = _LOST.search(said), _LACKED.search(said)
    name = f"{lost[2]}.{lost[1]}" if lost else f"{lacked[1]}.{lacked[2]}" if lacked else ""
    if isinstance(error, ModuleNotFoundError):
        module = clean(str(error.name), 80)
        return Refused(
            "LG487",
            f"the file needs the module {module}, which its environment does not have",
            seen={"module": module},
            next=f"add {module.partition('.')[0]} to requirements.in, then: lockgate lock",
        )
    if name and isinstance(error, AttributeError):
        return Refused(
            "LG487",
            f"the file needs {name}, which is code of whoever saved it, or of another version",
            seen={"class": name},
            next="save what it is made of (a state_dict, a Pipeline of library classes), or return it from train()",
        )
    return Refused(
        "LG487",
        f"opening the file raised {type(error).__name__}: {said}",
        seen={"error": type(error).__name__},
        next="lockgate explain LG487",
    )


def _about_a_file(error: Refused) -> Refused:
    """The same refusal in the words of somebody who has a file and no train()."""
    finding = {"LG311": "LG487", "LG313": "LG486", "LG316": "LG488"}.get(error.finding, error.finding)
    following = "lockgate convert IN OUT --sample rows.parquet" if finding in ("LG486", "LG488") else error.next
    message = error.message.replace("train() returned", "the file holds")
    return Refused(finding, message, seen=error.seen, next=following)
