"""Licences as SPDX expressions: read in one spelling, and asked whether a choice of them is acceptable. Pure.

    MIT                                              one licence
    GPL-3.0-or-later WITH GCC-exception-3.1          one licence too: allowed by that name alone
    GPL-3.0, GPL-3.0+                                deprecated; SPDX says -only and -or-later today
    LicenseRef-anything                              a name of its maker's own: says nothing of what it asks for
    MIT OR Apache-2.0, (MIT OR ISC) AND BSD-3-Clause

What a package declares is its maker's word; nobody here reads its files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

MOST = 2000
_DEEPEST = 40
_TOKEN = re.compile(r"[()]|[^\s()]+")
_GNU = re.compile(r"((?:A|L)?GPL-[0-9.]+|GFDL-[0-9.]+(?:-no-invariants|-invariants)?)(-only|-or-later)?(\+?)")
_DEPRECATED = {
    "GPL-2.0-with-autoconf-exception": "GPL-2.0-only WITH Autoconf-exception-2.0",
    "GPL-2.0-with-bison-exception": "GPL-2.0-only WITH Bison-exception-2.2",
    "GPL-2.0-with-classpath-exception": "GPL-2.0-only WITH Classpath-exception-2.0",
    "GPL-2.0-with-font-exception": "GPL-2.0-only WITH Font-exception-2.0",
    "GPL-2.0-with-GCC-exception": "GPL-2.0-only WITH GCC-exception-2.0",
    "GPL-3.0-with-autoconf-exception": "GPL-3.0-only WITH Autoconf-exception-3.0",
    "GPL-3.0-with-GCC-exception": "GPL-3.0-only WITH GCC-exception-3.1",
    "eCos-2.0": "GPL-2.0-or-later WITH eCos-exception-2.0",
    "wxWindows": "LGPL-2.0-or-later WITH WxWindows-exception-3.1",
    "bzip2-1.0.5": "bzip2-1.0.6",
    "BSD-2-Clause-FreeBSD": "BSD-2-Clause",
    "BSD-2-Clause-NetBSD": "BSD-2-Clause",
    "StandardML-NJ": "SMLNJ",
}
"""Deprecated ids (SPDX licence list, "deprecated") that are another spelling of what has an id today."""


def canonical(text: str) -> str | None:
    """The expression as SPDX spells it; None when it is none: an unknown id, free text, or too long."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not 0 < len(text) <= MOST or text.count("(") > _DEEPEST:
        return None
    try:
        return str(canonicalize_license_expression(text))
    except (InvalidLicenseExpression, ValueError, RecursionError, MemoryError):
        return None


def canonical_one(text: str) -> str | None:
    """A single licence, with or without its exception, as SPDX spells it today; None for anything else."""
    found = canonical(text)
    return None if found is None or re.search(r"\bAND\b|\bOR\b|[()]", found) else _today(found)


def acceptable(expression: str, allowed: Collection[str], refused: Collection[str]) -> bool | None:
    """Whether the licences of a canonical `expression` can be met by acceptable ones; None when it cannot be read.

    A licence is acceptable when it is among `allowed`, or `allowed` is empty, and not refused. What `refused` names is
    refused also as -only, as -or-later and with any exception, unless that very licence is among `allowed`. Where
    something is refused, nobody can tell whether a `LicenseRef-` is that: None, as for what cannot be read. Of an OR,
    one side is enough; of an AND, both are needed.
    """
    taken, banned = {_today(each) for each in allowed}, {_today(each) for each in refused}

    def holds(licence: str) -> bool | None:
        name = _today(licence)
        if name in banned:
            return False
        if taken:
            return name in taken
        if banned and name.startswith("LicenseRef-"):
            return None
        return not any(_refuses(each, name) for each in banned)

    if len(expression) > MOST or expression.count("(") > _DEEPEST:
        return None
    try:
        return _Reader(_TOKEN.findall(expression), holds).whole()
    except ValueError:
        return None


def _today(licence: str) -> str:
    """A single licence by the ids that are not deprecated."""
    name, *exceptions = licence.split(" WITH ")
    known = _DEPRECATED.get(name.removesuffix("+"))
    if known:
        today, *own = known.split(" WITH ")
        name, exceptions = today + name[len(name.removesuffix("+")) :], [*own, *exceptions]
    gnu = _GNU.fullmatch(name)
    if gnu:
        name = gnu[1] + ("-or-later" if gnu[3] else gnu[2] or "-only")
    return " WITH ".join((name, *exceptions))


def _refuses(refused: str, licence: str) -> bool:
    """Whether `licence` is of the family of `refused`; of that of a licence with an exception is what has it too."""
    (family, with_exception), (other, exception) = _family(refused), _family(licence)
    return family == other and with_exception in ("", exception)


def _family(licence: str) -> tuple[str, str]:
    name, _, exception = licence.partition(" WITH ")
    gnu = _GNU.fullmatch(name)
    return (gnu[1] if gnu else name.removesuffix("+")), exception


class _Reader:
    """Recursive descent; AND binds closer than OR. Raises ValueError."""

    def __init__(self, tokens: list[str], holds: Callable[[str], bool | None]) -> None:
        self.tokens: Iterator[str] = iter([*tokens, ""])
        self.next = next(self.tokens)
        self.holds = holds

    def whole(self) -> bool | None:
        found = self.either()
        if self.next:
            raise ValueError(f"{self.next} is one word too many")
        return found

    def either(self) -> bool | None:
        found = [self.both()]
        while self.next == "OR":
            self.take()
            found.append(self.both())
        return True if True in found else None if None in found else False

    def both(self) -> bool | None:
        found = [self.one()]
        while self.next == "AND":
            self.take()
            found.append(self.one())
        return False if False in found else None if None in found else True

    def one(self) -> bool | None:
        if self.next == "(":
            self.take()
            found = self.either()
            if self.take() != ")":
                raise ValueError("a parenthesis stays open")
            return found
        licence = self.name()
        if self.next == "WITH":
            self.take()
            licence = f"{licence} WITH {self.name()}"
        return self.holds(licence)

    def name(self) -> str:
        word = self.take()
        if word in ("", "(", ")", "AND", "OR", "WITH"):
            raise ValueError("a licence is missing")
        return word

    def take(self) -> str:
        word = self.next
        self.next = next(self.tokens, "")
        return word
