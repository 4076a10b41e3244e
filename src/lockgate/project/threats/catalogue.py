"""The catalogue of threats that is part of this program."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from lockgate.core.strict import nearest
from lockgate.errors import Refused, Usage
from lockgate.threats.spec import Catalogue, read_catalogue

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


@cache
def shipped() -> Catalogue:
    """Read it, once. Raises Usage (LG9010)."""
    found = sorted((one for one in _folder().iterdir() if one.name.endswith(".toml")), key=lambda one: one.name)
    kinds = {
        kind: {one.name: one.read_text("utf-8") for one in found if one.name.startswith(kind)}
        for kind in ("threats", "controls", "boundaries", "references")
    }
    return read_catalogue(
        threats=kinds["threats"],
        controls=kinds["controls"],
        boundaries=kinds["boundaries"],
        references=kinds["references"],
    )


def check_ids(ids: Iterable[str]) -> tuple[str, ...]:
    """The ids of threats, each once, in capitals. Raises Usage (LG9011)."""
    known = shipped().threats
    found = tuple(dict.fromkeys(one.upper() for one in ids))
    for one in found:
        if one not in known:
            near = nearest(one, list(known))
            raise Usage(
                "LG9011",
                f"there is no threat {one}" + (f": did you mean {near}?" if near else ""),
                seen={"threat": one, "known": list(known)},
                next="lockgate threats",
            )
    return found


def check_can_be_accepted(id_: str) -> None:
    """Raises Usage (LG9011) for no threat of ours; Refused (LG516) for one that Lockgate does not claim to hold."""
    check_ids((id_,))
    threat = shipped().threats[id_]
    if threat.out:
        raise Refused(
            "LG516",
            f"{id_} cannot be waived: it is out of scope, and no status of it is computed",
            seen={"threat": id_, "why": threat.out},
            next=f"lockgate threats {id_}",
        )


def _folder() -> Traversable:
    return files("lockgate.threats") / "catalogue"
