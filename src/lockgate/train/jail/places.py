"""Files that training code looks for or writes where the jail has none. Runs in the train jail: it only helps.

Code that ran on somebody's own disk reads its rows from a file beside it, and writes its model there. In the jail the
rows lie elsewhere, and nothing but `/out` and `/tmp` can be written.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Final

from lockgate.contract.findings import clean
from lockgate.errors import Refused

_DEEPEST: Final = 10
_MODEL_FILES: Final = (".joblib", ".json", ".onnx", ".txt", ".ubj")


def refused(error: BaseException, where: str, *, script: bool) -> Refused | None:
    """The refusal LG3130 (a file that is not there) or LG3131 (a place that cannot be written); None for others.

    `where`: as ` at train.py:12`. `script`: whether it is run as a script, and not called as a function.
    """
    for each in _chain(error):
        if isinstance(each, FileNotFoundError) or each.errno in (errno.ENOENT, errno.ENOTDIR):
            name = _name(each)
            return Refused(
                "LG3130",
                f"the training code reads {name!r}{where}, and there is no such file in its jail",
                seen={"file": name, "at": where.removeprefix(" at ")},
                next='read the rows from os.environ["LOCKGATE_DATA"] + "/train.parquet", write the model to '
                'os.environ["LOCKGATE_OUT"] + "/model.joblib"; other files: lockgate explain LG3130'
                if script
                else "use the data that train(data, params) is given; a script that reads its own: "
                f'script = "{_file(where)}" in lockgate.toml: [train], in place of function',
            )
        if each.errno == errno.EROFS:
            name = _name(each)
            ending = os.path.splitext(name)[1]
            model = f"model{ending if ending in _MODEL_FILES else '.joblib'}"
            return Refused(
                "LG3131",
                f"the training code writes {name!r}{where}, where nothing can be written in its jail",
                seen={"file": name, "at": where.removeprefix(" at ")},
                next=f'write the model to os.environ["LOCKGATE_OUT"] + "/{model}", scratch files below /tmp'
                if script
                else 'return the fitted model from train(); what is to be kept goes to os.environ["LOCKGATE_OUT"]',
            )
    return None


def _chain(error: BaseException | None) -> Iterator[OSError]:
    """The OSErrors that it is, or was raised for."""
    for _ in range(_DEEPEST):
        if error is None:
            return
        if isinstance(error, OSError):
            yield error
        error = error.__cause__


def _file(where: str) -> str:
    """`train.py` of ` at train.py:12`."""
    return where.removeprefix(" at ").rpartition(":")[0] or "train.py"


def _name(error: OSError) -> str:
    """The file as the code named it."""
    named = error.filename
    if isinstance(named, str | os.PathLike):
        return clean(os.fspath(named), 120).removeprefix("/job/")
    return "?"
