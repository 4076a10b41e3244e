"""serve.policies: which policy decides what serving does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError
from lockgate.serve.policies import serve_policy
from lockgate.serve.spec import ServePolicy
from lockgate.trust.policy import Policy

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PROD = "[environment.prod]\n"
SEALED = PROD + '[environment.prod.serve]\nrecord = "sealed"\n'


def _log(*texts: str) -> list[Evidence]:
    return [
        Evidence(
            index,
            digest_of(text.encode()),
            b"",
            Policy.from_text(text).statement(NOW),
            "policy",
            "policy",
            "mara",
            "k",
            NOW,
        )
        for index, text in enumerate(texts)
    ]


def _version(number: int, text: str) -> str:
    return f"version = {number}\n{text}"


def test_the_newest_policy_decides() -> None:
    """Both ways: a table that came, and one that is gone again."""
    log = _log(_version(1, PROD), _version(2, SEALED), _version(3, PROD))
    assert serve_policy(log[:1], "prod") == ServePolicy()
    assert serve_policy(log[:2], "prod") == ServePolicy(record="sealed")
    assert serve_policy(log, "prod") == ServePolicy()


def test_an_environment_that_is_gone_keeps_what_it_had() -> None:
    """Taking it out of the policy lets nothing more leave."""
    log = _log(_version(1, PROD), _version(2, SEALED), _version(3, "[environment.dev]\n"))
    assert serve_policy(log, "prod") == ServePolicy(record="sealed")
    assert serve_policy(log, "dev") == ServePolicy()


@pytest.mark.parametrize(
    ("texts", "environment", "finding"),
    [
        ((), "prod", "LG524"),
        ((_version(1, PROD),), "edge", "LG843"),
        ((_version(2, SEALED), _version(1, PROD)), "prod", "LG528"),
        ((_version(2, SEALED), _version(2, PROD)), "prod", "LG528"),
    ],
)
def test_what_decides_nothing(texts: tuple[str, ...], environment: str, finding: str) -> None:
    """No policy, an environment that none knew, an older version on top of a newer one."""
    with pytest.raises(LockgateError) as caught:
        serve_policy(_log(*texts), environment)
    assert caught.value.finding == finding
