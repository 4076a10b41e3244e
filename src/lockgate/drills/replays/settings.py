"""What a twin takes over of lockgate.toml and policy.toml, and what it has to leave out. Pure.

A twin is one model, of one person, on one machine, and nobody outside may hear of it. What asks for more than that is
left out, and named: results say so, and so does the statement that is signed of them. Where nothing is left out the
text is taken over as it is, to the byte.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from lockgate.core.shown import toml_string

if TYPE_CHECKING:
    from lockgate.trust.policy import EnvironmentPolicy

_MODEL_TABLES: Final = ("data", "screen", "train", "robustness", "monitor")
_ABOUT: Final = ("description", "card", "licence")
_OUTSIDE: Final = (
    ("log", ""),
    ("kubernetes", ""),
    ("serve", "tls"),
    ("serve", "oidc"),
    ("serve", "redis"),
    ("serve", "redis_ca"),
    ("serve", "gateways"),
    ("data", "stores"),
    ("data", "databases"),
    ("monitor", "webhook"),
    ("monitor", "webhook_secret"),
)
"""Settings that reach other machines, or what only the project's own machine has."""
_OTHERS: Final = ("signers", "min_witnesses", "max_witness_age")
"""Rules that ask for other people, or for machines of theirs."""
_MEASURED: Final = ("metrics", "slices", "robustness", "parity", "control", "min_robustness_rows")
"""Rules about figures that a model of fewer rows cannot be held to."""


@dataclass(frozen=True)
class Taken:
    """A text for the twin, and what of the original is not in it, as a person would name it."""

    text: str
    left_out: tuple[str, ...] = ()


def twin_settings(
    text: str, model: str, *, sources: Sequence[str] = (), inputs: Mapping[str, str] | None = None
) -> Taken:
    """`lockgate.toml` for the twin.

    Args:
        text: the project's, which was read without an error.
        model: which of several it is about; "" where the project is one.
        sources: files of the twin in place of the project's own; none where it takes over those.
        inputs: by the name of an `[[input]]`, the file of the twin that holds it.
    """
    values = tomllib.loads(text)
    left_out: list[str] = []
    if model:
        others = [name for name in values["model"] if name != model]
        left_out += [f"lockgate.toml [model.{name}]" for name in others]
        values = _flat(values, model)
    for table, key in _OUTSIDE:
        found = values.get(table, {})
        if key in found or (not key and found):
            left_out.append(f"lockgate.toml [{table}] {key}".rstrip())
            del (found if key else values)[key or table]
    changed = bool(left_out or model)
    if sources:
        data = values["data"]
        left_out += [f"lockgate.toml [data] {key}" for key in ("sources", "pins") if data.get(key)]
        values["data"] = {k: v for k, v in data.items() if k != "pins"} | {"sources": list(sources)}
        changed = True
    for one in values.get("input", ()):
        if (file := (inputs or {}).get(one["name"])) is not None:
            one["source"] = file
            changed = True
    return Taken(_toml(values) if changed else text, tuple(left_out))


def twin_policy(text: str, *, cut: bool) -> Taken:
    """`policy.toml` for the twin. `cut`: it has fewer rows than the project."""
    values = tomllib.loads(text)
    left_out: list[str] = []
    if values.pop("witness", None):
        left_out.append("policy.toml [witness]")
    for name, environment in values.get("environment", {}).items():
        gone = [key for key in (*_OTHERS, *(_MEASURED if cut else ())) if environment.pop(key, None) is not None]
        left_out += [f"policy.toml [environment.{name}] {key}" for key in gone]
        if environment.get("approvals", 0) > 1:
            left_out.append(f"policy.toml [environment.{name}] approvals = {environment['approvals']}, in it 1")
            environment["approvals"] = 1
        if environment.get("separation") == "enforce":
            left_out.append(f'policy.toml [environment.{name}] separation = "enforce", in it "warn"')
            environment["separation"] = "warn"
        if environment.get("monitor", {}).pop("webhooks", None):
            left_out.append(f"policy.toml [environment.{name}.monitor] webhooks")
    return Taken(_toml(values) if left_out else text, tuple(left_out))


def chosen(environments: Mapping[str, EnvironmentPolicy], strict: str = "") -> tuple[str, str]:
    """The lenient environment, in which the twin's model goes live, and the strict one: the same where there is one.

    `dev` and `prod`, where the policy has them; else those that ask for least and for most. `strict`: as a person says.
    """
    ordered = sorted(environments.values(), key=lambda one: (one.enforce == "enforce", one.approvals, one.name))
    most = strict or ("prod" if "prod" in environments else ordered[-1].name)
    return ("dev" if "dev" in environments else ordered[0].name), most


def _flat(values: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The file as if it were of the one model: its own tables over those of the project, as `config` reads them."""
    near = values["model"][model]
    found = {name: table for name, table in values.items() if name != "model"}
    found["project"] = dict(found["project"]) | {"name": model} | {key: near[key] for key in _ABOUT if key in near}
    for name in _MODEL_TABLES:
        if name in near:
            found[name] = _over(found.get(name, {}), near[name])
    if "input" in near:
        found["input"] = near["input"]
    return found


def _over(far: Mapping[str, Any], near: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of `near` over those of `far`; tables of names are joined by name."""
    tables = {key: {**far[key], **near[key]} for key in near if isinstance(near[key], dict) and key in far}
    return {**far, **near, **tables}


def _toml(values: Mapping[str, Any]) -> str:
    return "\n".join(_table((), values)) + "\n"


def _table(path: tuple[str, ...], values: Mapping[str, Any]) -> list[str]:
    plain = {key: value for key, value in values.items() if not _is_table(value)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in values.items():
        name = ".".join(map(_key, (*path, key)))
        if isinstance(value, dict):
            lines += ["", f"[{name}]", *_table((*path, key), value)]
        elif _is_table(value):
            lines += [line for one in value for line in ("", f"[[{name}]]", *_table((*path, key), one))]
    return lines


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
    )


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else toml_string(name)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return toml_string(value)
        case datetime() | date() | time():
            return value.isoformat()
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{ {', '.join(f'{_key(name)} = {_value(one)}' for name, one in value.items())} }}"
        case _:
            return repr(value)
