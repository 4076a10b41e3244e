"""A model file that has to be executed, in a jail that has nothing, with the libraries that it was made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.contract.jailed import Task, run_task
from lockgate.core.encoding import decode_exact
from lockgate.errors import LockgateError, Refused
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.train import foreign_facts, rules
from lockgate.train.spec import Denied

FINDINGS = frozenset({"LG312", "LG314", "LG337", "LG338", "LG481", "LG486", "LG487", "LG488", "LG489"})
_MOST_FACTS = 4 << 20
_ONE_THREAD = tuple((f"{library}_NUM_THREADS", "1") for library in ("OMP", "OPENBLAS", "MKL"))


@dataclass(frozen=True)
class Converted:
    """`result`, the graph as the jail left it, and what the jail said of it."""

    result: Path
    facts: Mapping[str, Any]
    """By its own word: the source ran there as a program."""
    report: JailReport


def convert(
    source: Path, form: str, python: PythonEnv, into: Path, *, sample: tuple[Path, str] | None = None
) -> Converted:
    """Execute the private copy `source` in a jail that has only it and `sample`, and take the graph that comes out.

    Raises Refused LG485 when the file tried what a model has no need to; what FINDINGS says; LG482; Unfit.
    """
    size = source.stat().st_size
    binds = [Bind(source, "/in/source")]
    if sample is not None:
        binds.append(Bind(sample[0], "/in/sample"))
    limits = Limits(
        memory=(4 << 30) + 8 * size, cpu_seconds=1800, wall_seconds=1800, output_bytes=(64 << 20) + 4 * size
    )
    settings = named("parse", python=python, limits=limits, binds=binds, environment=_ONE_THREAD)
    task = Task(
        module="lockgate.train.jail.foreign",
        given={"form": form, "sample": "" if sample is None else sample[1]},
        gives=("model.onnx", "converted.json"),
        findings=FINDINGS,
        died="LG482",
        work="the conversion",
        next="lockgate explain LG482",
    )
    talk = bytearray()
    try:
        given, report = run_task(settings, task, into, talk=talk.extend)
    except LockgateError as error:
        _refuse_denied(rules.denied(bytes(talk)), f"then {error.finding}: {error.message}")
        raise
    _refuse_denied(rules.denied(bytes(talk)), "it was read to its end all the same, and nothing was written")
    try:
        facts = foreign_facts.read(
            decode_exact(read_regular(given["converted.json"], _MOST_FACTS)), given=sample is not None
        )
    except ValueError as error:
        raise Refused("LG482", f"what the jail wrote is not in form: {error}", next="lockgate explain LG482") from None
    return Converted(given["model.onnx"], facts, report)


def _refuse_denied(attempts: tuple[Denied, ...], because: str) -> None:
    if not attempts:
        return
    more = f", and {len(attempts) - 1} more" if attempts[1:] else ""
    raise Refused(
        "LG485",
        f"the file tried what no model needs, and was denied: {attempts[0].target}{more}; {because}",
        seen={"attempts": [attempt.as_json() for attempt in attempts[:20]]},
        next="lockgate explain LG485",
    )
