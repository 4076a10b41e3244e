"""Every operator of a graph is on the list, and its attributes name no file, no endless loop and nothing outside.

What was looked for, operator by operator, and what was found: no operator of `ai.onnx` or `ai.onnx.ml` opens a file by
a name of its own. `StringNormalizer` takes the name of a locale (the C library reads locales from files), so it must
look like one. `RegexFullMatch` and `Tokenizer` take patterns; onnxruntime runs both with RE2, which is linear in the
text; their length is bounded. `ImageDecoder` does not come in. `Loop` may be endless: where that is written in the
graph, it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import onnx

from lockgate.register.formats import (
    BUILT_IN,
    MAX_PATTERN_BYTES,
    MAX_TRIPS,
    OLDEST_IR,
    REFUSED,
    STANDARD_DOMAINS,
)
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.onnx_arrays import check_arrays
from lockgate.register.jail.onnx_loops import scalars_of, trips_of

_LOCALE: Final = re.compile(rb"[A-Za-z0-9_.@-]{0,64}")
_TERM: Final = r"[A-Za-z ]*+(?:\.\.\.[A-Za-z ]*+)?+"
_EQUATION: Final = re.compile(rf"{_TERM}(?:,{_TERM})*(?:->{_TERM})?".encode())
_DIVIDES: Final = frozenset(
    {
        "blocksize",
        "chunk_size",
        "dilations",
        "group",
        "hidden_size",
        "kernel_shape",
        "kv_num_heads",
        "num_groups",
        "num_heads",
        "num_outputs",
        "offset_group",
        "pooled_shape",
        "q_num_heads",
        "strides",
    }
)
"""Attributes that somebody divides by, or makes memory of: whole numbers from 1 to 2**31."""
_MAY_BE_ZERO: Final = frozenset({"num_heads", "chunk_size", "kv_num_heads", "q_num_heads"})
_WORD: Final = 1 << 31
_TOKENIZER: Final[Mapping[str, int]] = {
    "mark": onnx.AttributeProto.INT,
    "mincharnum": onnx.AttributeProto.INT,
    "pad_value": onnx.AttributeProto.STRING,
    "separators": onnx.AttributeProto.STRINGS,
    "tokenexp": onnx.AttributeProto.STRING,
    "stopwords": onnx.AttributeProto.STRINGS,
}
_MOST_SEPARATORS: Final = 1000


def check_versions(model: onnx.ModelProto) -> dict[str, int]:
    """The versions of the operator sets, by domain. Raises NotAllowed LG412, LG417."""
    if not OLDEST_IR <= model.ir_version <= onnx.IR_VERSION:
        raise NotAllowed(
            "LG417", "its format version is unknown here", ir_version=model.ir_version, newest=onnx.IR_VERSION
        )
    opsets: dict[str, int] = {}
    allowed = STANDARD_DOMAINS | {domain for domain, _ in BUILT_IN}
    for entry in model.opset_import:
        domain = _domain(entry.domain)
        if domain not in allowed:
            raise NotAllowed("LG412", f"it uses the operator set {domain!r}", domain=domain)
        # skl2onnx names one twice, with the same version.
        if opsets.get(domain, entry.version) != entry.version:
            raise NotAllowed("LG417", f"it names two versions of the operator set {domain!r}", domain=domain)
        opsets[domain] = entry.version
    newest = {"": onnx.defs.onnx_opset_version(), "ai.onnx.ml": onnx.defs.onnx_ml_opset_version()}
    for domain, version in opsets.items():
        if not 1 <= version <= newest.get(domain, 1):
            raise NotAllowed(
                "LG417", f"version {version} of {domain or 'ai.onnx'} is unknown here", newest=newest.get(domain, 1)
            )
    return opsets


def check_operators(graph: onnx.GraphProto, opsets: Mapping[str, int]) -> dict[str, int]:
    """How often each operator stands in the graph and those within it.

    Raises:
        NotAllowed: LG412 an operator is not on the list, LG415 attributes, LG422 a loop that does not end, LG425
            arrays that do not fit each other.
    """
    counts: dict[str, int] = {}
    scalars = scalars_of(graph)
    pending = [(graph, 1)]
    while pending:
        one, trips = pending.pop()
        for node in one.node:
            name = _check_operator(node, opsets)
            counts[name] = counts.get(name, 0) + 1
            if name == "ai.onnx.Range" and scalars.get(node.input[2] if len(node.input) > 2 else "") == 0:
                raise NotAllowed("LG422", "a range has no step, and so no end", node=node.name[:200])
            inner = trips * (trips_of(node, scalars) if name == "ai.onnx.Loop" else 1)
            if inner > MAX_TRIPS:
                raise NotAllowed(
                    "LG422",
                    "its loops run more often than the limit",
                    node=node.name[:200],
                    trips=inner,
                    limit=MAX_TRIPS,
                )
            pending += [(nested, inner) for nested in graphs_in(node)]
    return counts


def graphs_in(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that stand in the attributes of `node`, whatever type these say they have."""
    for attribute in node.attribute:
        yield from attribute.graphs
        if attribute.HasField("g"):
            yield attribute.g


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _check_operator(node: onnx.NodeProto, opsets: Mapping[str, int]) -> str:
    domain = _domain(node.domain)
    name = f"{domain or 'ai.onnx'}.{node.op_type}"
    if domain in STANDARD_DOMAINS:
        known = domain in opsets and onnx.defs.has(node.op_type, opsets[domain], domain)
    else:
        known = (domain, node.op_type) in BUILT_IN
    if not known or (domain, node.op_type) in REFUSED:
        raise NotAllowed(
            "LG412", f"it uses the operator {name}, which is not on the list", operator=name, node=node.name[:200]
        )
    if node.overload:
        raise NotAllowed("LG413", "a node chooses between functions, and there are none", node=node.name[:200])
    if node.attribute:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if len(attributes) != len(node.attribute):
            raise NotAllowed("LG415", f"a node of {name} has an attribute twice", node=node.name[:200])
        _check_numbers(node, attributes)
        _check_texts(node, name, attributes)
        check_arrays(node, domain, attributes)
    return name


def _check_numbers(node: onnx.NodeProto, attributes: Mapping[str, onnx.AttributeProto]) -> None:
    for name in _DIVIDES & attributes.keys():
        attribute = attributes[name]
        least = 0 if name in _MAY_BE_ZERO else 1
        values = attribute.ints if attribute.type == onnx.AttributeProto.INTS else (attribute.i,)
        if not all(least <= value < _WORD for value in values):
            raise NotAllowed("LG415", f"the attribute {name} is out of its range", node=node.name[:200])


def _check_texts(node: onnx.NodeProto, name: str, attributes: Mapping[str, onnx.AttributeProto]) -> None:
    if name == "ai.onnx.StringNormalizer" and "locale" in attributes:
        if not _LOCALE.fullmatch(attributes["locale"].s):
            raise NotAllowed("LG415", "the locale of a StringNormalizer does not look like one", node=node.name[:200])
    elif name in ("ai.onnx.RegexFullMatch", "ai.onnx.Einsum"):
        _bounded(node, [attribute.s for attribute in attributes.values()])
        # ONNX's own inference goes round for ever in other spellings.
        equation = attributes.get("equation")
        terms = 0 if equation is None else equation.s.partition(b"->")[0].count(b",") + 1
        if equation is not None and not (_EQUATION.fullmatch(equation.s) and terms == len(node.input)):
            raise NotAllowed("LG415", "the equation of an Einsum is not spelled as one", node=node.name[:200])
    elif name == "com.microsoft.Tokenizer":
        # The checker knows nothing of this operator.
        if any(_TOKENIZER.get(key) != attribute.type for key, attribute in attributes.items()):
            raise NotAllowed("LG415", "a Tokenizer has an attribute that nobody knows", node=node.name[:200])
        for attribute in attributes.values():
            if len(attribute.strings) > _MOST_SEPARATORS and attribute.name == "separators":
                raise NotAllowed("LG416", "a Tokenizer has more separators than the limit", limit=_MOST_SEPARATORS)
            _bounded(node, [attribute.s, *attribute.strings])


def _bounded(node: onnx.NodeProto, texts: list[bytes]) -> None:
    if any(len(text) > MAX_PATTERN_BYTES for text in texts):
        raise NotAllowed("LG416", "a pattern is longer than the limit", node=node.name[:200], limit=MAX_PATTERN_BYTES)
