"""One row of a mapping. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What a framework asks under `id`, what of it is `given` in which `files` of the archive, and what is `lacking`.

    `files`: paths; one that ends in `/` is a folder. Without files, `given` is empty: nothing is claimed.
    """

    id: str
    name: str
    given: str
    files: tuple[str, ...]
    lacking: str
