"""Model files in jails: what one is and, if it is a plain torch checkpoint, its tensors; and the check of a result.

Nothing outside a jail parses the file. What a jail says is read strictly, and believed of nothing but the result that
it made, which a second jail looks at.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.contract.findings import clean
from lockgate.contract.jailed import Task, run_task
from lockgate.core.digest import hex_of
from lockgate.core.encoding import decode_exact
from lockgate.errors import Refused, VerificationFailed
from lockgate.register import formats, import_formats
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import hash_fd, open_nofollow, read_regular

MOST_SOURCE = 16 << 30
"""What comes out is held in memory until it was looked at: larger files are converted where they were made."""
_MOST_FACTS = 4 << 20
_SLACK = 64 << 20
_FORMS = (
    *("torch checkpoint", "torch checkpoint, older form", "Keras", "HDF5", "skops", "pickle", "compressed joblib"),
    *("XGBoost", "LightGBM"),
)


@dataclass(frozen=True)
class Looked:
    """What a file is: `form`; `result`, its tensors, or None where it has to be executed, because of `why`.

    `facts`: what convert_tensors' found.json says of the tensors.
    """

    form: str
    why: str
    result: Path | None
    facts: Mapping[str, Any]
    report: JailReport


@dataclass(frozen=True)
class Checked:
    """The result's digest, form and facts, as the second jail found them."""

    digest: str
    form: str
    facts: Mapping[str, Any]
    report: JailReport


def look(source: Path, size: int, into: Path) -> Looked:
    """Tell what the private copy `source` is, and convert it if nothing need be executed for that.

    Raises Refused LG481, LG482, LG483, LG485, LG489; Unfit when there is no jail.
    """
    most = 2 * size + _SLACK
    limits = Limits(
        memory=3 * most + (1 << 30), tasks=64, output_bytes=most + _SLACK, cpu_seconds=1800, wall_seconds=1800
    )
    settings = named("parse", python=PythonEnv.own(), limits=limits, binds=[Bind(source, "/in/source")])
    task = Task(
        module="lockgate.register.jail.convert_tensors",
        given={"most": most},
        gives=("found.json",),
        findings={"LG481", "LG483", "LG485", "LG489"},
        died="LG482",
        work="reading the file",
        next="lockgate explain LG482",
    )
    given, report = run_task(settings, task, into)
    try:
        found = decode_exact(read_regular(given["found.json"], _MOST_FACTS))
        form, why, facts = _read(found)
    except ValueError as error:
        raise _malformed("LG482", error) from None
    made = into / "model.safetensors"
    if not facts:
        return Looked(form, why, None, {}, report)
    if not os.path.lexists(made):
        raise _malformed("LG482", ValueError("there are no tensors"))
    return Looked(form, "", made, facts, report)


def check(result: Path, name: str, into: Path) -> Checked:
    """Look at `result`, of which nobody knows anything, in a jail of its own; `name` is what it will be called.

    Raises Refused LG410 to LG425, LG465: not on the allowlist; LG482; VerificationFailed LG421.
    """
    size = result.stat().st_size
    limits = Limits(memory=min(2 * size, 2 * formats.MAX_MODEL_BYTES) + (2 << 30), tasks=64, output_bytes=_SLACK)
    result.chmod(0o444)
    settings = named("parse", python=PythonEnv.own(), limits=limits, binds=[Bind(result, "/in/result")])
    task = Task(
        module="lockgate.register.jail.convert_check",
        given={"name": name},
        gives=("checked.json",),
        findings=import_formats.SCAN_FINDINGS | {"LG489"},
        died="LG482",
        work="looking at what the conversion made",
        next="lockgate explain LG482",
    )
    given, report = run_task(settings, task, into)
    try:
        found = decode_exact(read_regular(given["checked.json"], _MOST_FACTS))
        if not isinstance(found, dict) or set(found) != {"sha256", "format", "facts"}:
            raise ValueError("checked.json has exactly sha256, format and facts")
    except ValueError as error:
        raise _malformed("LG482", error) from None
    descriptor = open_nofollow(result)
    try:
        digest = hash_fd(descriptor)
    finally:
        os.close(descriptor)
    if hex_of(digest) != found["sha256"] or found["format"] not in ("onnx", "safetensors"):
        raise VerificationFailed("LG421", "what was looked at is not what the conversion made", next="lockgate doctor")
    return Checked(digest, found["format"], found["facts"], report)


def _read(found: object) -> tuple[str, str, dict[str, Any]]:
    if not isinstance(found, dict) or found.get("form") not in _FORMS:
        raise ValueError("it names no form")
    if set(found) == {"form", "why"} and isinstance(found["why"], str):
        return found["form"], clean(found["why"], 200), {}
    counts = ("tensors", "bytes", "equal")
    if set(found) != {"form", *counts, "shared", "dropped"} or any(type(found[one]) is not int for one in counts):
        raise ValueError("found.json is not in form")
    if found["equal"] != found["tensors"]:
        raise ValueError("the tensors that were written are not those that were read")
    _check_shown("shared", found["shared"], "groups")
    _check_shown("dropped", found["dropped"], "values")
    if not all(
        isinstance(pair, list) and all(isinstance(one, str) for one in pair) for pair in found["shared"]["shown"]
    ):
        raise ValueError("names of shared tensors are not in form")
    if not all(isinstance(one, str) for one in found["dropped"]["shown"]):
        raise ValueError("names of what was left out are not in form")
    return found["form"], "", {name: value for name, value in found.items() if name != "form"}


def _check_shown(name: str, value: object, count: str) -> None:
    if not isinstance(value, dict) or set(value) != {count, "shown"} or type(value[count]) is not int:
        raise ValueError(f"{name} is not in form")
    if not isinstance(value["shown"], list):
        raise ValueError(f"{name} is not in form")


def _malformed(finding: str, error: Exception) -> Refused:
    return Refused(finding, f"what the jail wrote is not in form: {error}", next=f"lockgate explain {finding}")
