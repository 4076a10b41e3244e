"""Somebody else's reading of our OpenAPI document: schemathesis asks what it allows, and what it forbids.

In front is the real gate, admission, table, contract on requests, and ASGI adapter; only the jails are fakes. What the
plan does not surely accept is refused here, so that the document can be held to both of its sides: what it describes is
answered, and what it does not describe is refused.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from lockgate.serve.asgi import application
from lockgate.serve.calls.metrics import Metrics
from lockgate.serve.calls.table import table
from lockgate.serve.gate import Gate
from lockgate.serve.spec import Asked, Caps
from lockgate.serve.tally import Tally
from tests.support import admission
from tests.support.calls import ACTIONS, FakeLive, FakeService

CAPS = Caps(max_body=1 << 16, max_rows=50, unheard=0)
AUTHORISED = {"Authorization": f"Bearer {admission.KEY}"}
WHO = admission.client(actions=ACTIONS, rate=1e9, burst=10**9)


REFUSALS = ["400", "401", "403", "404", "405", "409", "413", "415", "422"]
CONFIG: dict[str, Any] = {
    "generation": {"with-security-parameters": False},
    "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
}


class Lenient(FakeService):
    """As Pydantic does, it takes 2.0 for 2, which is also what JSON Schema calls an integer; nothing else."""

    def predict(self, live: FakeLive, asked: Asked) -> None:
        """With the number respelled."""
        if asked.given.values is None:
            records = [json.loads(one) for one in asked.given.canonical]
            for record in records:
                if isinstance(record.get("stops"), float) and record["stops"].is_integer():
                    record["stops"] = int(record["stops"])
            asked.given.values = live.checker.records(records).values
        super().predict(live, asked)


def app() -> Any:
    """A gateway without processes."""
    door = admission.Door(clients=(WHO,), caps=CAPS)
    service = Lenient()
    tally = Tally()
    metrics = Metrics(tally, served=lambda: service.served, caps=CAPS, wall=time.time)
    routes = table(service, door.admission, caps=CAPS, metrics=metrics)
    core = Gate(door.admission, routes, service, tally, caps=CAPS, clock=time.monotonic)  # type: ignore[arg-type]
    return application(core, CAPS)


@pytest.fixture(scope="module")
def api() -> Any:
    """The document, as a client gets it."""
    return schemathesis.openapi.from_asgi(
        "/openapi.json", app(), headers=AUTHORISED, config=SchemathesisConfig.from_dict(CONFIG)
    )


def test_the_document_is_valid_openapi(api: Any) -> None:
    """By the specification's own schema."""
    OpenAPIV31SpecValidator(api.raw_schema).validate()


@pytest.mark.parametrize("examples", [10, pytest.param(1000, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_call_does_what_the_document_says(api: Any, mode: GenerationMode, examples: int) -> None:
    """Statuses, bodies, headers and types are those described, for what it allows and for what it forbids.

    What it allows is answered: of every call, but inference, whose tensors must also be of one length.
    """
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) == 13
    if mode is GenerationMode.NEGATIVE:  # Where nothing is sent nothing can be wrong.
        operations = [operation for operation in operations if operation.body or "{" in operation.path]
    answered = {operation.label: _answered(operation, mode, examples) for operation in operations}
    assert mode is GenerationMode.NEGATIVE or all(times for call, times in answered.items() if "infer" not in call)


def _answered(operation: Any, mode: GenerationMode, examples: int) -> int:
    """How many requests of this kind were answered and not refused."""
    found: Counter[bool] = Counter()
    unsayable = [positive_data_acceptance] if "infer" in operation.label else []

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def ask(case: Any) -> None:
        found[case.call_and_validate(headers=AUTHORISED, excluded_checks=unsayable).status_code < 300] += 1

    ask()
    return found[True]
