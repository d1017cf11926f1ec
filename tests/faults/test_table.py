"""The matrix leaves no fault out."""

from cli.mock.catalogue import FAULTS
from tests.faults.cells import cells, some_cells
from tests.faults.pending import ABSENT
from tests.faults.table import ROWS

# Of a connection that has been used before; a matrix of single requests has none.
ELSEWHERE = {"stale-reset", "stale-close"}


def test_every_fault_has_a_row_for_each_form_that_it_has() -> None:
    streams = {row.fault for row in ROWS if row.stream}
    unaries = {row.fault for row in ROWS if row.unary}
    assert [fault.name for fault in FAULTS if fault.stream and fault.name not in streams | ELSEWHERE] == []
    assert [fault.name for fault in FAULTS if fault.unary and fault.name not in unaries | ELSEWHERE] == []


def test_the_short_form_has_cells_of_every_row() -> None:
    assert {cell.row for cell in some_cells()} == {cell.row for cell in cells()}
    assert len(set(map(str, cells()))) == len(list(cells()))


def test_what_is_missing_is_said_of_rows_that_there_are() -> None:
    assert {row.fault for row in ROWS} >= ABSENT
