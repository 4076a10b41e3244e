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

REFUSED: Final = frozenset({("", "ImageDecoder")})
"""Operators of the standard that do not come in: they hand a request's bytes to native decoders of files."""

MODEL: Final = "model.onnx"
DATA: Final = "model.onnx.data"
"""The one file of weights that may lie beside a model: every byte of it belongs to a tensor of the graph."""
SERVING: Final = "io.json"
FORMATS: Final = ("onnx", "onnx data", "json", "text")

OLDEST_IR: Final = 3
MAX_MODEL_BYTES: Final = 3 << 29
"""1.5 GiB: the protobuf library itself ends at 2 GiB. Larger models keep their weights in DATA."""
MAX_DATA_BYTES: Final = 64 << 30
MAX_TEXT_BYTES: Final = 64 << 20

# What the walk over the bytes counts, before anything is made of them.
MAX_NODES: Final = 100_000
MAX_TENSORS: Final = 100_000
MAX_PROPERTIES: Final = 200_000
MAX_FEEDS: Final = 10_000
"""Inputs of the graph, and outputs."""
MAX_MESSAGES: Final = 2_000_000
MAX_DEPTH: Final = 16
"""Graphs within graphs."""
MAX_NAME_BYTES: Final = 64 << 10
MAX_PROPERTY_BYTES: Final = 1 << 20
MAX_PARSED_BYTES: Final = 512 << 20
"""What the graph without its weights takes as objects, estimated. The parser's jail has eight times as much."""

MAX_RANK: Final = 32
MAX_STORED_ELEMENTS: Final = 1 << 34
"""Of one tensor whose bytes are there."""
MAX_ELEMENTS: Final = 1 << 28
"""Of four bytes each, of one value that the graph makes for one row. What is stored may be larger."""
MAX_GAP: Final = 64 << 10
"""Zero bytes between two tensors of a file beside the model, which lie there for alignment."""
MAX_TRIPS: Final = 1_000_000
"""Of loops within loops, as far as their counts are constant."""
MAX_TREE_DEPTH: Final = 10_000
"""The runtime walks trees by recursion when it loads them."""
MAX_OUTPUTS: Final = 1 << 24
"""Columns that one operator writes for each row: targets of trees, words of a vocabulary."""
MAX_PATTERN_BYTES: Final = 4096


def rules_digest() -> Digest:
    """The digest of everything above."""
    return digest_of(
        encode(
            {
                "built_in": sorted(map(list, BUILT_IN)),
                "domains": sorted(STANDARD_DOMAINS),
                "files": [MODEL, DATA, SERVING],
                "formats": FORMATS,
                "limits": {name: value for name, value in sorted(globals().items()) if name.startswith("MAX_")},
                "oldest": OLDEST_IR,
                "refused": sorted(map(list, REFUSED)),
                "v": 2,
            }
        )
    )
