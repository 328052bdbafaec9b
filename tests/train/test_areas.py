import pytest

from conntap.errors import OptionError
from conntap.train.areas import Area, Cells, Kernel

TYPES = {"E": {"channels": 2}, "I": {"kind": "inhibitory", "density": "half"}}
MATRIX = [[3, 1, 0], [3, 3, 1], [5, 0, 0]]


def test_a_matrix_of_kernel_sizes_is_a_circuit_by_name():
    area = Area((4, 4), TYPES, MATRIX)
    by_name = {"input": {"E": 3, "I": 1}, "E": {"E": {"size": 3}, "I": Kernel(3), "output": 1}, "I": {"E": 5}}
    assert area == Area((4, 4), TYPES, by_name)
    assert {a: {b: each.size for b, each in to.items()} for a, to in area.circuit.items()} == {
        "input": {"E": 3, "I": 1},
        "E": {"E": 3, "I": 3, "output": 1},
        "I": {"E": 5},
    }


def test_an_area_is_frozen_and_comes_back_from_its_plain_options():
    area = Area((4, 5), TYPES, [[3, 1, 0], [1, 0, 0], [3, 3, 1], [5, 0, 0]], 3, feedback=(1,), delay=2)
    assert Area(**area.options()) == area
    with pytest.raises(AttributeError):
        area.delay = 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Area((0, 4), TYPES, MATRIX), r"Area\.size: 0; give a whole number from 1"),
        (lambda: Area((4,), TYPES, MATRIX), "give rows and columns"),
        (lambda: Area((4, 4), {}, MATRIX), "no types"),
        (lambda: Area((4, 4), {"input": {}}, MATRIX), "name of an end"),
        (lambda: Area((4, 4), {"E": {"chanels": 2}}, MATRIX), "Did you mean 'channels'"),
        (lambda: Area((4, 4), {"E": 3}, MATRIX), "give a mapping of kind, channels"),
        (
            lambda: Area((4, 4), TYPES, MATRIX[:2]),
            r"2 rows of \[3\] columns; rows are input, E, I; columns are E, I, output",
        ),
        (lambda: Area((4, 4), TYPES, MATRIX, feedback=(1,)), "rows are input, feedback, E, I"),
        (lambda: Area((4, 4), TYPES, [[2, 1, 0], *MATRIX[1:]]), "odd width, as 3"),
        (lambda: Area((4, 4), TYPES, [[3, 0, 0], [3, 0, 1], [5, 0, 0]]), "nothing reaches 'I'"),
        (lambda: Area((4, 4), TYPES, [*MATRIX[:2], [0, 0, 0]]), "'I' reaches nothing"),
        (lambda: Area((4, 4), TYPES, [[3, 1, 0], [3, 3, 0], [5, 0, 0]]), "nothing reaches 'output'"),
        (lambda: Area((4, 4), TYPES, [[3, 1, 1], *MATRIX[1:]]), "past all cells"),
        (lambda: Area((4, 4), TYPES, {"feedback": {"E": 1}}), "Name the areas of `feedback` too"),
        (lambda: Area((4, 4), TYPES, {"input": {"F": 1}}), "unknown target 'F'"),
        (lambda: Area((4, 4), TYPES, MATRIX, feedback_delay=0), "from 1 on"),
        (lambda: Cells(phi="tanh"), "negative rates, which would turn their sign"),
        (lambda: Cells(tau_ms=0.0), "give a time above 0"),
        (lambda: Cells(density="third"), "known: half, same"),
        (lambda: Kernel(3, groups=0), r"Kernel\.groups"),
        (lambda: Kernel(3, phi="gelu"), "unknown value 'gelu'"),
    ],
)
def test_a_description_that_makes_no_sense_is_told(make, message):
    with pytest.raises(OptionError, match=message):
        make()
