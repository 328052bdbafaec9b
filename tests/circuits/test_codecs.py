"""Connectomes as values of a store."""

from conntap.circuits.connectome import Connectome
from conntap.store import codecs


def test_a_square_connectome_comes_back_equal():
    c = Connectome(["a", "b"], [0, 1], [1, 1], properties={"w": [0.5, 1.0], "kind": ["e", None]}, name="pair")
    back = codecs.decode(codecs.encode(c))
    assert back == c
    assert back.name == "pair"


def test_a_rectangular_connectome_comes_back_equal():
    c = Connectome(3, [0, 2], [1, 0], post_nodes=["x", "y"])
    assert codecs.decode(codecs.encode(c)) == c
