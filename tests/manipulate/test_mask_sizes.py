"""The size of a mask."""

import pytest

from conntap import manipulate
from conntap.circuits.masks import Mask
from conntap.errors import OptionError


def test_the_size_of_a_mask_is_its_number_of_connections():
    assert manipulate.mask_size(Mask.from_pairs([1, 2, 5], [2, 1, 5])) == 3
    assert manipulate.mask_size(Mask.from_pairs([], [])) == 0


def test_an_inverted_mask_has_no_size_by_itself():
    with pytest.raises(OptionError, match="all connections but 1 are meant"):
        manipulate.mask_size(~Mask.from_pairs([1], [2]))
