"""REF resolution: what a person may type, and what is never guessed."""

from __future__ import annotations

import pytest

from lockgate.audit.refs import resolve
from lockgate.core.digest import hex_of
from lockgate.errors import LockgateError, Refused, Usage
from tests.support.evidence import Chronicle


def _two() -> tuple[Chronicle, list[str]]:
    log = Chronicle()
    log.policy()
    one = log.model("a", version=1)
    two = log.model("b", version=2)
    other = log.model("c", name="delays", version=1)
    log.deploy(one, "dev")
    log.deploy(two, "prod")
    return log, [e.statement.subjects[0].digest for e in (one, two, other)]


def test_every_form_names_the_model_it_says() -> None:
    """One test per form of the table in the module's docstring."""
    log, (one, two, other) = _two()

    def version(ref: str) -> str:
        return resolve(ref, log.evidences, "dev").ref

    assert version("latest") == "delays@1"
    assert version("flights") == "flights@2"
    assert version("flights@1") == "flights@1"
    assert version(f"flights@{two}") == "flights@2"
    assert version(f"flights@{one[:20]}") == "flights@1"
    assert version(one) == "flights@1"
    assert version(other[:20]) == "delays@1"
    assert version(hex_of(two)[:12]) == "flights@2"
    assert version("flights:live") == "flights@1"
    assert version("flights:live@prod") == "flights@2"


@pytest.mark.parametrize(
    ("ref", "finding"),
    [
        ("", "LG501"),
        ("flights:canary", "LG501"),
        ("flights@0", "LG501"),
        ("flights@1.0", "LG501"),
        ("../flights", "LG501"),
        ("sha256:", "LG501"),
        ("flights@sha256:xyz", "LG501"),
        ("a b", "LG501"),
        ("nothing", "LG502"),
        ("flights@9", "LG502"),
        ("sha256:" + "0" * 64, "LG502"),
        ("nothing:live", "LG502"),
    ],
)
def test_what_is_no_ref_or_fits_nothing_is_a_usage_error(ref: str, finding: str) -> None:
    """Exit 2, with the finding that says which of the two it was."""
    log, _ = _two()
    with pytest.raises(Usage) as no:
        resolve(ref, log.evidences, "dev")
    assert no.value.finding == finding


def test_nothing_is_latest_in_an_empty_log() -> None:
    """`latest` is not an exception to that."""
    with pytest.raises(Usage) as no:
        resolve("latest", [], "dev")
    assert no.value.finding == "LG502"


def test_what_fits_two_models_is_refused() -> None:
    """A digest prefix shared by two, and a name that is also a digest prefix: exit 2, naming both."""
    log = Chronicle()
    first = log.model("a")
    prefix = hex_of(first.statement.subjects[0].digest)[:4]
    log.model("b", name=prefix)
    with pytest.raises(Usage) as no:
        resolve(prefix, log.evidences, "dev")
    assert no.value.finding == "LG503"
    assert resolve(f"{prefix}@1", log.evidences, "dev").name == prefix


def test_live_where_nothing_is_live_is_refused() -> None:
    """`name:live@ENV` with no deployment there: exit 1, and the command that makes one."""
    log = Chronicle()
    log.model("a")
    with pytest.raises(Refused) as no:
        resolve("flights:live", log.evidences, "dev")
    assert (no.value.finding, isinstance(no.value, LockgateError)) == ("LG520", True)
