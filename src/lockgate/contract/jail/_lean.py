"""pyarrow without pandas: none of our tables is a DataFrame, and importing pandas takes longer than most jails live."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa


def settle_without_pandas() -> None:
    """Let pyarrow find no pandas, for good; the user's code may still import it afterwards."""
    if "pandas" in sys.modules:
        return
    modules: dict[str, Any] = sys.modules  # None there means: cannot be imported
    modules["pandas"] = None
    try:
        pa.array([0])
    finally:
        del modules["pandas"]
