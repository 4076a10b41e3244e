"""What goes into registration and what comes out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.audit.entries import Registration
from lockgate.core.digest import Digest
from lockgate.core.verdict import Verdict


@dataclass(frozen=True)
class RegisterSpec:
    """`name` is the model's name in the registry; `description` one sentence of the person's for its card."""

    name: str
    description: str = ""


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
