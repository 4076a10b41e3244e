"""What goes into registration and what comes out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.audit.entries import Registration
from lockgate.core.digest import Digest
from lockgate.core.verdict import Verdict


@dataclass(frozen=True)
class Words:
    """What a person says of a model; its card keeps it apart from what was measured.

    Attributes:
        description: one sentence.
        card: Markdown: what it is for, what it is not for, whom to ask.
        licence: SPDX expression of the model; "" where nobody said.
        data_licence: that of the data which it learned from.
    """

    description: str = ""
    card: str = ""
    licence: str = ""
    data_licence: str = ""


@dataclass(frozen=True)
class RegisterSpec:
    """`name` is the model's name in the registry."""

    name: str
    words: Words = Words()


@dataclass(frozen=True)
class RegisterResult:
    """`name@version`, and what each environment's policy says of it.

    Attributes:
        cached: this very closure was registered before; `registration` is that one, nothing was signed.
        verdicts: by environment; the reasons are what is missing there.
    """

    registration: Registration
    cached: bool
    verdicts: Mapping[str, Verdict]

    @property
    def ref(self) -> str:
        """`name@version`."""
        return self.registration.ref

    @property
    def manifest(self) -> Digest:
        """What identifies the model: the digest of its manifest."""
        return self.registration.manifest
