"""pyarrow without pandas: none of our tables is a DataFrame, and importing pandas takes longer than most jails live."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import Any

import pyarrow as pa


class _NoPandas(MetaPathFinder):
    """Says that there is no pandas."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """Raise ImportError for pandas, leave every other module to the others."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is left out while pyarrow looks", name=fullname)


def settle_without_pandas() -> None:
    """Let pyarrow find no pandas, for good; the user's code may still import it afterwards."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
