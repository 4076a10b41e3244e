"""The allowlist, as one value: what may be inside a registered model. Pure.

Its digest is named by every scan statement, so that a model scanned under an older list can be told.
"""

from __future__ import annotations

from typing import Final

from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import encode

STANDARD_DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
BUILT_IN: Final = frozenset({("com.microsoft", "Tokenizer")})
"""Operators outside the standard that onnxruntime has built in: (domain, operator). No library is loaded for them."""

MODEL: Final = "model.onnx"
SERVING: Final = "io.json"
FORMATS: Final = ("onnx", "json", "text")

OLDEST_IR: Final = 3
MAX_MODEL_BYTES: Final = 1 << 30
MAX_TEXT_BYTES: Final = 64 << 20
MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 16
MAX_ELEMENTS: Final = 1 << 28


def rules_digest() -> Digest:
    """The digest of everything above."""
    return digest_of(
        encode(
            {
                "built_in": sorted(map(list, BUILT_IN)),
                "domains": sorted(STANDARD_DOMAINS),
                "formats": FORMATS,
                "limits": [OLDEST_IR, MAX_MODEL_BYTES, MAX_TEXT_BYTES, MAX_NODES, MAX_DEPTH, MAX_ELEMENTS],
                "v": 1,
            }
        )
    )
