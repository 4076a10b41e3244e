"""The contract on one request of 30 bounded floats: accepted at sight, against what does less and what it saves.

    python -m bench.request_contract [--rounds 7]

The sides take turns within a round, in one process; the least time of a round counts, as all else on a shared machine
is somebody else's. `at sight` gives strict JSON, the verdict, the values of the model's inputs, and each record in the
exact encoding. `types` is msgspec with the same bounds and nothing else; `pydantic` is the contract's own, without
the exact encoding; `long way` strict JSON and the exact encoding, with no verdict yet.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from pydantic import ConfigDict, Field, TypeAdapter, create_model

from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import compile_requests
from lockgate.contract.requests import RequestChecker

NAMES = [f"mean_radius_{number}" for number in range(30)]
MOST = 1e6
CALLS = 4000


def sides(rows: int, *, whole: bool) -> dict[str, Callable[[], object]]:
    """What is compared, for a body of so many records; `whole`: one of the numbers is written without a point."""
    fields: dict[str, Any] = {name: (float, Field(ge=0, le=MOST)) for name in NAMES}
    model = create_model("Record", __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)
    inputs: list[Any] = [(name, "float") for name in NAMES]
    checker = RequestChecker(compile_requests(model, field_table(model, None)), inputs)
    bounded = Annotated[float, msgspec.Meta(ge=0, le=MOST)]
    record = msgspec.defstruct("Plain", [(name, bounded) for name in NAMES], forbid_unknown_fields=True, gc=False)
    types = msgspec.json.Decoder(msgspec.defstruct("Body", [("records", list[record])]))  # type: ignore[valid-type]
    pydantic = TypeAdapter(dict[str, list[model]]).validator
    chance = random.Random(1)  # noqa: S311 - rows to time, no secrets
    records = [{name: round(chance.uniform(0, 1000), 4) for name in NAMES} for _ in range(rows)]
    if whole:
        records = [{**one, NAMES[0]: 7} for one in records]
    body = json.dumps({"records": records}).encode()
    asked = RequestChecker(None, inputs)
    return {
        "at sight": lambda: checker.read(body, limit=10_000),
        "types": lambda: types.decode(body),
        "pydantic": lambda: pydantic.validate_json(body),
        "long way": lambda: asked.read(body, limit=10_000),
    }


def least(sides: dict[str, Callable[[], object]], rounds: int, calls: int) -> dict[str, float]:
    """Microseconds of one call of each."""
    found = dict.fromkeys(sides, float("inf"))
    for _ in range(rounds):
        for name, call in sides.items():
            start = time.perf_counter()
            for _ in range(calls):
                call()
            found[name] = min(found[name], (time.perf_counter() - start) / calls * 1e6)
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    for rows in (1, 32):
        for whole in (False, True):
            found = least(sides(rows, whole=whole), rounds, CALLS // rows)
            said = "   ".join(f"{name} {cost:.2f}" for name, cost in found.items())
            print(f"{rows:>3} rows{', one number whole' if whole else ''}: {said}   (microseconds)")


if __name__ == "__main__":
    main()
