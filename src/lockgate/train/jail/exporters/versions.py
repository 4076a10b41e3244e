"""What made a model: the packages that were imported, and their versions. Runs in the jail."""

from __future__ import annotations

import sys

COMMON = ("numpy", "pandas", "onnx", "onnxruntime")


def versions_of(*names: str) -> dict[str, str]:
    """Python's version, and that of each of `names` and COMMON that is imported."""
    found = {name: str(getattr(sys.modules.get(name), "__version__", "")) for name in (*COMMON, *names)}
    return {"python": sys.version.split()[0], **{name: version for name, version in found.items() if version}}
