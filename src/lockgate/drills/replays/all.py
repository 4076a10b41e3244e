"""Every drill, by its id."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Final

from lockgate.drills.replays import (
    abuse,
    climbing,
    configuration,
    data,
    deploying,
    house,
    imports,
    logs,
    models,
    registry,
    requests,
    training,
    trusting,
    wheels,
)
from lockgate.drills.replays.spec import Drill

_FILES: Final = (
    data,
    training,
    wheels,
    configuration,
    models,
    imports,
    registry,
    deploying,
    trusting,
    logs,
    requests,
    abuse,
    climbing,
    house,
)

DRILLS: Final[Mapping[str, Drill]] = {one.id: one for one in chain.from_iterable(file.DRILLS for file in _FILES)}
"""In the order of the pipeline."""
