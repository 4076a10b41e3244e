"""Objects as YAML text, one way only: the same objects give the same bytes. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*\Z")
_STRANGE = re.compile(r"[^\x20-\x7e]")
# YAML 1.1 reads these as truth values or nothing, even as keys.
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def as_yaml(manifests: Iterable[Mapping[str, Any]]) -> str:
    """A stream of documents. Every text is in double quotes, so that none can be read as another type."""
    return "".join("---\n" + "\n".join(_block(manifest, 0)) + "\n" for manifest in manifests)


def _block(value: Any, depth: int) -> Iterator[str]:
    pad = "  " * depth
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _entry(f"{pad}{_key(key)}:", inner, depth + 1)
    else:
        for inner in value:
            if _nested(inner):
                first, *rest = _block(inner, depth + 1)
                yield f"{pad}- {first.lstrip()}"
                yield from rest
            else:
                yield f"{pad}- {_scalar(inner)}"


def _entry(start: str, inner: Any, depth: int) -> Iterator[str]:
    if _nested(inner):
        yield start
        yield from _block(inner, depth)
    else:
        yield f"{start} {_scalar(inner)}"


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and bool(value)


def _key(key: str) -> str:
    return key if _PLAIN.match(key) and key.lower() not in _WORDS else _scalar(key)


def _scalar(value: Any) -> str:
    # YAML reads two surrogates as two signs, where JSON means one.
    return _STRANGE.sub(_escaped, json.dumps(value, ensure_ascii=False))


def _escaped(match: re.Match[str]) -> str:
    return f"\\U{ord(match[0]):08x}"
