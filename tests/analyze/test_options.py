"""Every measure refuses choices that it does not know, and numbers that are not whole."""

from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import pytest

from conntap import analyze
from conntap.circuits import Connectome
from conntap.errors import OptionError

OTHERS = {"change", "compare_circuits", "ngv_validation"}  # which take two tables, two connectomes, a circuit on disk
MEASURES = sorted(analyze.STEPS.keys() - OTHERS)
NEEDED = {"by": "layer", "distance_um": 50.0, "around": [0], "values": "weight", "weight": "weight", "dimension": 1}
NODE_VALUES = {"neighbourhood_values", "values_by_participation", "values_by_position"}


def small():
    rng = np.random.default_rng(1)
    pre, post = np.nonzero((rng.random((12, 12)) < 0.4) & ~np.eye(12, dtype=bool))
    nodes = pd.DataFrame(rng.random((12, 3)) * 100, columns=list("xyz")).assign(layer=["a", "b"] * 6)
    return Connectome(nodes, pre, post, properties={"weight": rng.random(len(pre))})


def hints(name):
    return {option: hint for option, hint in get_type_hints(getattr(analyze, name)).items() if option != "return"}


def needed(name):
    """The options without which a measure does nothing, and a source of randomness."""
    defaults = getattr(analyze, name).__kwdefaults__ or {}
    options = {option: NEEDED[option] for option in hints(name) if option in NEEDED and option not in defaults}
    if "values" in options and name in NODE_VALUES:
        options["values"] = "x"
    if name == "property_assortativity":
        options["property"] = "x"
    if name == "pair_values_by_position":
        options["pairs"] = np.ones((12, 12))
    if "rng" in hints(name):
        options["rng"] = np.random.default_rng(1)
    return options


def kinds(hint):
    """The types that an option may have, those of lists among them."""
    if get_origin(hint) in (Union, UnionType, list):
        return [kind for each in get_args(hint) for kind in kinds(each)]
    return [hint]


def wrong():
    """Each measure with each option of few choices or of whole numbers, and values that these cannot have."""
    for name in MEASURES:
        for option, hint in hints(name).items():
            choices = any(get_origin(kind) is Literal for kind in kinds(hint))
            if choices:
                yield name, option, ["bogus"] if get_origin(hint) is list else "bogus"
            if option == "threads":
                yield name, option, 0
            if int in kinds(hint):
                yield from ((name, option, value) for value in (1.5, *(() if choices else ("2",)), -1))


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_works_with_the_options_it_needs(name):
    analyze_one = getattr(analyze, name)
    assert analyze_one(small(), **needed(name)) is not None


@pytest.mark.parametrize(("name", "option", "value"), list(wrong()), ids=lambda each: str(each))
def test_wrong_choices_and_numbers_are_refused(name, option, value):
    with pytest.raises(OptionError, match=rf"^{name}[.:].*{option.rstrip('s')}"):
        getattr(analyze, name)(small(), **needed(name) | {option: value})


@pytest.mark.parametrize("name", MEASURES)
def test_what_a_rectangular_connectome_lacks_is_told_by_the_measure_itself(name):
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0], "z": [1.0, 2.0, 3.0], "layer": ["a", "b", "a"]})
    rectangle = Connectome(table, [0, 1], [1, 0], post_nodes=table.iloc[:2], properties={"weight": [1.0, 2.0]})
    told = f"{name}: nothing"
    try:
        getattr(analyze, name)(rectangle, **needed(name))
    except OptionError as error:
        told = str(error)
    assert told.startswith((f"{name}:", f"{name}."))


@pytest.mark.parametrize("name", [
    "bedge_counts", "betti_numbers", "degrees_from", "edge_participation", "euler_characteristic",
    "maximal_simplex_counts", "neighbourhood_simplices", "node_participation", "normalised_simplex_counts",
    "simplex_counts", "simplex_lists", "simplicial_degrees", "skeleton_reciprocity",
])  # fmt: skip
def test_too_many_simplices_are_told_by_the_measure_itself(name):
    complete = Connectome(30, *np.nonzero(~np.eye(30, dtype=bool)))
    with pytest.raises(OptionError, match=rf"^{name}: .*(too many|more) "):
        getattr(analyze, name)(complete)


@pytest.mark.parametrize("name", [name for name in MEASURES if "threads" in hints(name)])
def test_whole_numbers_of_numpy_are_whole_numbers(name):
    whole = {option: np.int64(2) for option, hint in hints(name).items() if int in kinds(hint)}
    getattr(analyze, name)(small(), **needed(name) | whole)
