"""pyarrow without pandas: none of our tables is a DataFrame, and importing pandas takes longer than most jails live."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa


class _NoPandas(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Nothing is found under that name, whatever is installed."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)
        return None


def settle_without_pandas() -> None:
    """Let pyarrow find no pandas, for good; the user's code may still import it afterwards."""
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        # pyarrow looks for pandas once, at its first conversion.
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
