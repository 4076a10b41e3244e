"""The population of rows: its numbers (`facts`), read without numpy, and how they are made of rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from lockgate.monitor.abuse.facts import CodedField, NearFacts, Population

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["CodedField", "NearFacts", "Population", "make"]


def make(
    columns: Mapping[str, npt.NDArray[Any]],
    kinds: Mapping[str, str],
    *,
    left_out: Collection[str] = (),
    moving: Collection[str] = (),
    timed: bool = False,
    seed: int,
) -> Population | None:
    """The population of these rows. `columns`: as `binning.columns_of` makes them; `kinds`: of all fields.

    `moving`: fields whose values go on, such as those of a calendar: rows are compared in them, and not odd by them.
    `timed`: the rows are in the order of time, so it can be seen how odd later rows are to earlier ones.

    None of fewer rows than LEAST_ROWS, or fewer fields than LEAST_FIELDS that can be compared.
    """
    from lockgate.monitor.abuse import making  # plans are read without numpy

    return making.make(columns, kinds, left_out=left_out, moving=moving, timed=timed, seed=seed)
