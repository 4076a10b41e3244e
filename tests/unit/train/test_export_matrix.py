"""Each cell of the support matrix: what it promises is so, for the rows of the fit and for rows it has not seen."""

from __future__ import annotations

import warnings

import pytest

from lockgate.errors import Refused
from lockgate.register.jail.onnx_file import check_onnx
from lockgate.runtime import serving
from lockgate.train.jail import parity
from lockgate.train.jail.exporters import choose
from tests.support.matrix import EXACT, Cell, cells
from tests.support.matrix_rows import rows

CELLS = cells()
TOLERANCE = 1e-5


FIRST = {(cell.framework, cell.task): cell.id for cell in reversed(CELLS) if cell.result == EXACT}
BY_DAY = {cell.id for number, cell in enumerate(CELLS) if number % 3 == 0 or cell.result != EXACT} | {*FIRST.values()}
"""What is refused, and a third of what is exact, with each task of each framework in it; by night all."""


@pytest.mark.parametrize(
    "cell",
    [pytest.param(cell, marks=[] if cell.id in BY_DAY else pytest.mark.nightly) for cell in CELLS],
    ids=lambda cell: cell.id,
)
def test_each_cell_is_exact_or_refused_by_name(cell: Cell) -> None:
    """Exported, allowed by the registry, run by onnxruntime: within 1e-5 in every row; or refused with its finding."""
    fitted_on = rows(cell.task, count=200, missing=cell.missing)
    others = rows(cell.task, count=150, seed=1, missing=cell.missing, unknown=cell.unknown)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        returned = cell.build(fitted_on.data)
        if cell.result != EXACT:
            with pytest.raises(Refused) as raised:
                choose.fitted_of(returned, fitted_on, "auto").export()
            assert raised.value.finding == cell.result
            assert raised.value.next
            return
        fitted = choose.fitted_of(returned, fitted_on, "auto")
        exported = fitted.export()
        check_onnx(exported.model)
        assert serving.parse(exported.spec.encode()) == exported.spec
        graph = parity.loaded(exported)
        for asked in (fitted_on, others):
            found = parity.compare(fitted, graph, asked, 0.0).facts
            assert found["worst"]["difference"] <= TOLERANCE, found["worst"]


def test_the_names_of_the_cells_are_distinct() -> None:
    """A cell that hides another would promise what no test has seen."""
    names = [cell.id for cell in CELLS]
    assert sorted(set(names)) == sorted(names)
