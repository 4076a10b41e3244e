"""YAML and JSON in one reading only. Pure: text in, values out.

A doubled key, an alias, a merge, or a value that YAML 1.1 takes for a date is refused, because another reader might see
another value there; deep nesting, because it costs the parser minutes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

DEEPEST = 64


def read_documents(text: str) -> list[Any]:
    """The documents of a stream, empty ones left out. Raises ValueError that says what is wrong, and in which line."""
    try:
        return [each for each in _documents(text) if each is not None]
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _documents(text: str) -> list[Any]:
    if text.lstrip().startswith("{"):
        return [json.loads(text, object_pairs_hook=_once)]
    try:
        yaml = import_module("yaml")
    except ImportError:
        raise ValueError("reading YAML needs PyYAML: pip install 'lockgate[kubernetes]'") from None
    try:
        _plain(yaml.parse(text, yaml.SafeLoader), yaml)
        for node in yaml.compose_all(text, yaml.SafeLoader):
            for flaw in _doubled(node, yaml):
                raise ValueError(flaw)
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    for each in documents:
        json.dumps(each, default=_stranger)
    return documents


def _plain(events: Iterable[Any], yaml: Any) -> None:
    depth = 0
    for event in events:
        if isinstance(event, yaml.events.AliasEvent):
            raise ValueError(f"line {event.start_mark.line + 1}: an alias")
        depth += isinstance(event, yaml.events.CollectionStartEvent) - isinstance(event, yaml.events.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"line {event.start_mark.line + 1}: nested too deeply")


def _doubled(node: Any, yaml: Any) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            where = f"line {key.start_mark.line + 1}"
            if key.tag != "tag:yaml.org,2002:str":
                yield f"{where}: a key that is no text"
            if key.value in seen:
                yield f"{where}: {key.value!r} for the second time"
            seen.add(key.value)
            yield from _doubled(value, yaml)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _doubled(value, yaml)


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key for the second time")
    return found


def _stranger(value: object) -> object:
    raise ValueError(f"{value} is neither a text nor a number in JSON")
