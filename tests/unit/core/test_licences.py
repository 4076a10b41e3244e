"""core.licences: one spelling of each licence, and what a list of allowed and refused ones makes of an expression."""

from __future__ import annotations

import pytest

from lockgate.core.licences import acceptable, canonical, canonical_one

REFUSED = ("GPL-3.0-only", "AGPL-3.0-only")


@pytest.mark.parametrize(
    ("text", "today"),
    [
        ("gpl-3.0", "GPL-3.0-only"),
        ("GPL-3.0+", "GPL-3.0-or-later"),
        ("LGPL-2.1+ WITH LLVM-exception", "LGPL-2.1-or-later WITH LLVM-exception"),
        ("GPL-2.0-with-GCC-exception", "GPL-2.0-only WITH GCC-exception-2.0"),
        ("GPL-2.0-with-GCC-exception+", "GPL-2.0-or-later WITH GCC-exception-2.0"),
        ("wxWindows", "LGPL-2.0-or-later WITH WxWindows-exception-3.1"),
        ("GFDL-1.3", "GFDL-1.3-only"),
        ("GPL-3.0-only+", "GPL-3.0-or-later"),
        ("GPL-3.0-or-later", "GPL-3.0-or-later"),
        ("Apache-2.0", "Apache-2.0"),
        ("MIT OR ISC", None),
        ("No such licence", None),
    ],
)
def test_a_deprecated_id_is_another_spelling(text: str, today: str | None) -> None:
    """SPDX's own table: a policy that names one means the licence of today, and a wheel that declares it has it."""
    assert canonical_one(text) == today


@pytest.mark.parametrize(
    "declared",
    [
        "GPL-3.0",
        "GPL-3.0+",
        "GPL-3.0-only",
        "GPL-3.0-or-later",
        "GPL-3.0-only+",
        "AGPL-3.0",
        "GPL-3.0-only WITH Font-exception-2.0",
        "GPL-3.0-with-GCC-exception",
        "GPL-3.0-with-GCC-exception WITH LLVM-exception",
        "MIT AND GPL-3.0+",
        "LicenseRef-x AND GPL-3.0",
    ],
)
def test_a_refused_licence_is_refused_by_every_name(declared: str) -> None:
    """As -only, as -or-later, by a deprecated id, and with an exception; unless that very expression is allowed."""
    expression = canonical(declared)
    assert expression is not None
    assert acceptable(expression, (), REFUSED) is False


@pytest.mark.parametrize("declared", ["MIT", "GPL-2.0-or-later", "LGPL-3.0-only", "MIT OR GPL-3.0", "Apache-2.0+"])
def test_other_licences_are_not(declared: str) -> None:
    """Another version is another licence; of an OR one side is enough."""
    assert acceptable(declared, (), REFUSED) is True


def test_what_is_allowed_by_name_is_allowed() -> None:
    """One expression of a refused family, also by its deprecated name, and nothing else of that family."""
    allowed = ("MIT", "GPL-3.0-with-GCC-exception")
    assert acceptable("GPL-3.0-only WITH GCC-exception-3.1", allowed, REFUSED) is True
    assert acceptable("GPL-3.0-or-later WITH GCC-exception-3.1", allowed, REFUSED) is False
    assert acceptable("GPL-3.0-only", ("GPL-3.0-only",), REFUSED) is False


def test_a_refused_exception_refuses_it_alone() -> None:
    """Named with an exception, the family is what has that exception."""
    refused = ("GPL-3.0-only WITH Font-exception-2.0",)
    assert acceptable("GPL-3.0-or-later WITH Font-exception-2.0", (), refused) is False
    assert acceptable("GPL-3.0-only", (), refused) is True


def test_the_later_versions_of_any_licence_are_its_family() -> None:
    """`+` is no other licence."""
    assert acceptable("EUPL-1.1+", (), ("EUPL-1.1",)) is False


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("LicenseRef-GPL-3.0-only", None),
        ("LicenseRef-x OR MIT", True),
        ("LicenseRef-x OR GPL-3.0-only", None),
        ("LicenseRef-x AND MIT", None),
        ("LicenseRef-x AND GPL-3.0-only", False),
        ("(LicenseRef-x OR GPL-3.0-only) AND MIT", None),
    ],
)
def test_a_name_of_its_own_is_unknown_where_something_is_refused(expression: str, verdict: bool | None) -> None:
    """It may be what is refused; one that does not matter to the answer changes nothing."""
    assert acceptable(expression, (), REFUSED) is verdict


def test_a_name_of_its_own_can_be_allowed_or_refused() -> None:
    """By that name; a list of what is allowed leaves every other one out."""
    assert acceptable("LicenseRef-x", ("LicenseRef-x",), REFUSED) is True
    assert acceptable("LicenseRef-y", ("LicenseRef-x",), ()) is False
    assert acceptable("LicenseRef-x", (), ("LicenseRef-x",)) is False
    assert acceptable("LicenseRef-x", (), ()) is True
