"""A model file that has to be executed, in a jail that has nothing, with the libraries that it was made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.contract.findings import clean
from lockgate.contract.jailed import Task, run_task
from lockgate.core.encoding import decode_exact
from lockgate.errors import LockgateError, Refused
from lockgate.runtime.serving import TASKS
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.train import rules
from lockgate.train.spec import Denied

FINDINGS = frozenset({"LG312", "LG314", "LG337", "LG338", "LG481", "LG486", "LG487", "LG488", "LG489"})
_MOST_FACTS = 4 << 20
_KEYS = {"estimator", "task", "features", "serving", "compared", "versions", "warnings"}
_COMPARED = {"rows", "tolerance", "beyond", "share", "explained", "worst", "missing", "sample"}
_MOST_WARNINGS = 5
_ONE_THREAD = tuple((f"{library}_NUM_THREADS", "1") for library in ("OMP", "OPENBLAS", "MKL"))


@dataclass(frozen=True)
class Converted:
    """`result`, the graph as the jail left it, and what the jail said of it."""

    result: Path
    facts: Mapping[str, Any]
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
        facts = _read(decode_exact(read_regular(given["converted.json"], _MOST_FACTS)))
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


def _read(facts: object) -> dict[str, Any]:
    """converted.json, the word of a program that nobody knows. Raises ValueError."""
    if not isinstance(facts, dict) or set(facts) != _KEYS or facts["task"] not in TASKS:
        raise ValueError(f"converted.json has exactly {', '.join(sorted(_KEYS))}")
    if not isinstance(facts["estimator"], str) or not isinstance(facts["serving"], dict):
        raise ValueError("estimator or serving are not in form")
    for name, values in (("features", facts["features"]), ("warnings", facts["warnings"])):
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ValueError(f"{name} are not texts")
    if not isinstance(facts["versions"], dict) or not all(isinstance(one, str) for one in facts["versions"].values()):
        raise ValueError("versions are not texts")
    _check_compared(facts["compared"])
    return {**facts, "estimator": clean(facts["estimator"], 200), "warnings": facts["warnings"][:_MOST_WARNINGS]}


def _check_compared(compared: object) -> None:
    if not isinstance(compared, dict) or set(compared) != _COMPARED or compared["sample"] not in ("made", "given"):
        raise ValueError(f"compared has exactly {', '.join(sorted(_COMPARED))}")
    worst = compared["worst"]
    if not isinstance(worst, dict) or set(worst) != {"row", "difference"}:
        raise ValueError("the worst row is not in form")
    counts = [compared[name] for name in ("rows", "beyond", "explained", "missing")]
    if any(type(count) is not int or count < 0 for count in (*counts, worst["row"])):
        raise ValueError("a count is none")
    if any(
        type(number) not in (int, float) for number in (compared["tolerance"], compared["share"], worst["difference"])
    ):
        raise ValueError("a number is none")
