"""Admission in a real house: what changes on disk reaches the jailed gateway, and what was used outlives it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from lockgate.serve.admission.tokens import reader
from tests.support.admission import AUDIENCE, ISSUER, Issuer
from tests.support.serving import GOOD, Serving, servable_project, serving


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something to hold."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if condition():
                return
        time.sleep(0.1)
    raise AssertionError("it did not come to hold in time")


def status(up: Serving, credential: str) -> int:
    """Of one request for predictions."""
    return up.send("POST", "/predict", credential, json=GOOD).status_code


def test_changes_reach_the_gateway_and_its_end_forgets_no_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listed subject's token passes until the issuer's key is gone; a rotated key counts at once, the old one still;
    a used budget stays used when the gateway is killed, while other clients are answered by the next one.
    """
    issuer, jwks, now = Issuer.of("ES256"), tmp_path / "jwks.json", int(time.time())
    jwks.write_text(json.dumps({"keys": [issuer.jwk()]}))
    project = servable_project(tmp_path, monkeypatch)
    project.make_live(monkeypatch)
    registry, rows = project.registry_of_clients, len(GOOD["records"])
    registry.add("batch", now=datetime.now(UTC), subject="service-7")
    poor = project.add_client("poor", budget=2 * rows)
    token = issuer.token(iat=now, nbf=now, exp=now + 600)
    other = issuer.token(iat=now, nbf=now, exp=now + 600, sub="service-8")
    with serving(project, tokens=reader(jwks, ISSUER, AUDIENCE, project.said.append)) as up:
        assert [status(up, token), status(up, other)] == [200, 401]
        assert [status(up, poor) for _ in range(3)] == [200, 200, 429]
        rotated = registry.rotate("ada", now=datetime.now(UTC), overlap=timedelta(hours=1))
        until(lambda: status(up, rotated.key) == 200)
        assert up.predict().status_code == 200
        jwks.write_text(json.dumps({"keys": [Issuer.of("ES256").jwk()]}))
        until(lambda: status(up, token) == 401)
        gateway = up.house.kept["gateway"].process
        assert gateway is not None
        gateway.kill()
        until(lambda: gateway.poll() is not None)
        until(lambda: up.predict().status_code == 200)
        assert status(up, poor) == 429
