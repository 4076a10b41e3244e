"""Which name of a certificate an asked-for identity means. Pure.

A certificate's names are of kinds, and an authority may be bound in one of them only: where it certifies mail for
example.org alone, it can still write `ada@example.org` as a host name, or `CN=Ada` as a URI. So a name carries its kind
(`email:ada@example.org`), and an identity given without one fits only a name of the kind that it has the form of.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

KINDS: Final = ("subject", "email", "uri", "dns")

_FORMS: Final = {
    "subject": re.compile(r"[A-Za-z0-9.]+=.*", re.DOTALL),
    "uri": re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.DOTALL),
    "email": re.compile(r"[^@\s]+@[^@\s]+"),
    "dns": re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"),
}
"""The first that fits is meant. What another kind's form hides is asked for with its kind: `uri:dns:example.org`."""


def meant(identity: str) -> str:
    """`identity` with its kind: as it is given, else by its form; "" when it has no name's form."""
    kind, _, name = identity.partition(":")
    if kind in KINDS:
        return identity if name else ""
    return next((f"{kind}:{identity}" for kind, form in _FORMS.items() if form.fullmatch(identity)), "")


def bears(names: Collection[str], identity: str) -> bool:
    """Whether a certificate with `names`, each with its kind, is one for `identity`, letter by letter."""
    wanted = meant(identity)
    return bool(wanted) and wanted in names
