"""What travels with the package beside its code: example projects, and the verifier that outsiders use."""

from __future__ import annotations

from pathlib import Path

from lockgate.errors import Unavailable

_HERE = Path(__file__).resolve().parent.parent
VERIFIER = "lockgate_verify.py"


def example(name: str) -> Path:
    """The folder of an example project. Raises Unavailable (LG958) when this installation lacks it.

    In a wheel the examples are package data; an editable checkout has them beside `src`.
    """
    for place in (_HERE / "_examples" / name, _HERE.parent.parent / "examples" / name):
        if (place / "lockgate.toml").is_file():
            return place
    raise Unavailable(
        "LG958",
        f"this installation lacks the example project {name!r}",
        seen={"looked_in": str(_HERE)},
        next="install Lockgate again from its wheel or a whole checkout",
    )


def verifier() -> bytes:
    """The verifier of one file, byte for byte. Raises Unavailable (LG958) when this installation lacks it."""
    for place in (_HERE / "_verifier", _HERE.parent.parent / "verifier"):
        if (place / VERIFIER).is_file():
            return (place / VERIFIER).read_bytes()
    raise Unavailable(
        "LG958",
        "this installation lacks the verifier of one file",
        seen={"looked_in": str(_HERE)},
        next="install Lockgate again from its wheel or a whole checkout",
    )
