"""A train statement read back as what it takes to run it again. Pure.

Trusts the statement's signature, which the ledger verified, and no more: what is missing or not in form is refused, for
a run from half of the inputs would compare nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from lockgate.contract.inputs import Wanted, inputs_of, is_input
from lockgate.core.digest import Digest, from_hex
from lockgate.core.names import check_file_name
from lockgate.core.statement import Statement, digest_of_resource
from lockgate.errors import Refused
from lockgate.monitor.asked import Asked
from lockgate.sandbox.settings import Limits
from lockgate.train.robustness_spec import Robustness
from lockgate.train.rules import JUDGED_FILES, LOCK
from lockgate.train.spec import CONTROL, PARITY_METRIC, Closure, CodeFile, Split, TrainSpec

_CODE = "code/"


@dataclass(frozen=True)
class Recorded:
    """What a run was made of and what it made.

    Attributes:
        lock: the digest of the file that locked the environment, None when nothing did.
        tree: the digest of the environment's files.
        threads: of numerical libraries; None when an older statement does not say.
        machine: as the statement describes the machine that ran it; empty when it does not.
        versions: of the packages that made the model.
        made: the digests of model.onnx and io.json, and of model.onnx.data where there is one.
    """

    spec: TrainSpec
    closure: Closure
    split: Split
    accepted: Digest
    inputs: Mapping[str, Digest]
    lock: Digest | None
    tree: Digest | None
    threads: int | None
    machine: Mapping[str, Any]
    versions: Mapping[str, Any]
    made: Mapping[str, Digest]


def read(statement: Statement) -> Recorded:
    """What a train statement says about its run. Raises Refused LG380 when it does not say enough."""
    try:
        return _read(statement)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(
            "LG380",
            "the train statement does not record all that its run was made of",
            seen={"missing": f"{type(error).__name__}: {error}"[:200]},
            next="lockgate train   # its statement will",
        ) from None


def _read(statement: Statement) -> Recorded:
    definition = statement.predicate["buildDefinition"]
    listed = definition["resolvedDependencies"]
    inside = definition["internalParameters"]
    named = {each["name"]: digest_of_resource(each) for each in listed if not is_input(each)}
    inputs = inputs_of(listed)
    around = inside.get("reproducibility", {})
    return Recorded(
        spec=_spec(definition["externalParameters"], inside["limits"], inputs),
        closure=_closure(listed, Digest(definition["externalParameters"]["closure"])),
        split=_split(inside["split"]),
        accepted=named["accepted.parquet"],
        inputs=inputs,
        lock=named.get(LOCK),
        tree=inside["environment"]["tree"],
        threads=around.get("threads"),
        machine=around.get("machine", {}),
        versions=inside["fit"]["versions"],
        made={one.name: one.digest for one in statement.subjects if one.name in JUDGED_FILES},
    )


def _spec(chosen: Mapping[str, Any], limits: Mapping[str, Any], inputs: Mapping[str, Digest]) -> TrainSpec:
    known = {field.name for field in fields(Limits)}
    split = chosen["split"]
    return TrainSpec(
        label=chosen["label"],
        code=tuple(chosen["code"]),
        function=chosen["function"],
        script=chosen["script"],
        features=chosen.get("features", ""),
        time=split["time"],
        group=split["group"],
        holdout=split["holdout"],
        seed=chosen["seed"],
        params=chosen["params"],
        task=chosen["task"],
        parity=chosen["parity"],
        parity_metric=chosen.get("parity_metric", PARITY_METRIC),
        lock=chosen["lock"],
        limits=Limits(**{name: value for name, value in limits.items() if name in known}),
        inputs=_wanted(chosen.get("inputs", []), inputs),
        gpu=bool(chosen.get("gpu")),
        monitor=Asked.read(chosen["monitor"]) if "monitor" in chosen else Asked(order=split["time"]),
        control="off" if chosen.get("control") == "off" else CONTROL,
        robustness=Robustness.read(chosen["robustness"]) if "robustness" in chosen else None,
    )


def _wanted(chosen: list[Mapping[str, str]], inputs: Mapping[str, Digest]) -> tuple[Wanted, ...]:
    found = tuple(Wanted(each["name"], each["source"], Digest(each["sha256"])) for each in chosen)
    if {one.name: one.sha256 for one in found} != dict(inputs):
        raise ValueError("the inputs that were chosen are not those that were used")
    return found


def _closure(listed: list[Mapping[str, Any]], expected: Digest) -> Closure:
    code = [each for each in listed if str(each["name"]).startswith(_CODE) and not is_input(each)]
    closure = Closure(
        tuple(
            CodeFile(
                check_file_name(each["name"].removeprefix(_CODE)),
                digest_of_resource(each),
                int(each["annotations"]["bytes"]),
            )
            for each in code
        )
    )
    if closure.digest != expected:
        raise ValueError("the code that is named is not the closure that was recorded")
    return closure


def _split(said: Mapping[str, Any]) -> Split:
    train, heldout = said["train"], said["heldout"]
    return Split(
        said["how"],
        said["by"],
        said["cut"],
        from_hex(train["sha256"]),
        int(train["rows"]),
        from_hex(heldout["sha256"]),
        int(heldout["rows"]),
    )
