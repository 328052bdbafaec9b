"""Wrong values of options, given from Python, where nothing else checks them before."""

from inspect import Parameter, signature
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import pytest

from conntap import manipulate
from conntap.circuits import Connectome, Mask
from conntap.errors import OptionError

NEEDED = {"by": "group", "nearest": 1}
CONNECTED = {
    "property": "weight",
    "how": "scale",
    "dimension": 3,
    "dimensions": 2,
    "factor": 1,
    "rule": {"kind": "Constant", "p": 0.5},
}
"""What manipulations need; where they take a number or a fraction, a half."""


ON_DISK = ("circuit",)
"""Steps that take no connectome in memory: tests of circuits on disk see to them."""


@pytest.fixture(autouse=True)
def morphologies(tmp_path, monkeypatch):
    (tmp_path / "cell.swc").write_text("1 1 0 0 0 5 -1\n2 3 0 5 0 1 1\n3 3 0 9 0 1 2\n")
    monkeypatch.setitem(NEEDED, "morphologies", tmp_path)


def hints():
    for name in [each for each in manipulate.STEPS if each not in ON_DISK]:
        for option, hint in get_type_hints(getattr(manipulate, name)).items():
            if option != "return":
                yield name, option, {hint, *get_args(hint)} if get_origin(hint) is not Literal else {hint}


CHOICES = [(name, option, each) for name, option, found in hints() for each in found if get_origin(each) is Literal]
WHOLE = [(name, option) for name, option, found in hints() if int in found]


def call(name, **options):
    """A step on four nodes, or on masks of their connections; what it needs besides is given."""
    nodes = pd.DataFrame({axis: [0.0, 1.0, 2.0, 3.0] for axis in "xyz"}).assign(group=list("aabb"), morphology="cell")
    connectome = Connectome(nodes, [0, 1, 2], [1, 2, 3], properties={"weight": [1.0, 2.0, 3.0]})
    function = getattr(manipulate, name)
    if options.get("mode") in ("add", "delete"):
        options["preserve"] = "none"
    inputs = []
    for option, parameter in signature(function).parameters.items():
        if parameter.kind is Parameter.POSITIONAL_OR_KEYWORD:
            other = connectome.with_edges(connectome.post, connectome.pre, properties=connectome.properties)
            each = other if inputs else connectome
            inputs.append(Mask.of(each) if parameter.annotation == "Mask" else each)
        elif option == "rng":
            options["rng"] = np.random.default_rng(0)
        elif option in NEEDED and (parameter.default is Parameter.empty or option != "by"):
            options.setdefault(option, NEEDED[option])
        elif option == "fraction" and not options.keys() & {"connections", "synapses"}:
            options.setdefault("fraction", 0.5)
        elif option in CONNECTED and parameter.default is Parameter.empty:
            options.setdefault(option, CONNECTED[option])
    if name == "alter_property" and options["how"] != "shuffle":
        options["value"] = {"kind": "poisson", "mean": 1} if options["how"].startswith("random") else 2.0
    return function(*inputs, **options)


@pytest.mark.parametrize(("name", "option", "hint"), CHOICES)
def test_a_misspelt_choice_is_refused_and_the_known_ones_are_named(name, option, hint):
    with pytest.raises(OptionError, match=rf"^{name}\.{option}: unknown value 'misspelt'; known: ") as refused:
        call(name, **{option: "misspelt"})
    assert all(str(each) in str(refused.value) for each in get_args(hint))
    for each in get_args(hint):
        call(name, **{option: each})


@pytest.mark.parametrize(("name", "option"), WHOLE)
def test_a_fraction_where_a_whole_number_is_wanted_is_refused(name, option):
    with pytest.raises(OptionError, match=rf"^{name}\.{option}: 1\.5; give a whole number from [01] on"):
        call(name, **{option: 1.5})


def test_choices_and_whole_numbers_are_found():
    assert {option for _, option, _ in CHOICES} >= {
        "preserve",
        "reciprocal",
        "conflicts",
        "model",
        "exclusion",
        "order",
    }
    assert {option for _, option in WHOLE} >= {"sweeps", "threads", "steps", "nearest", "count", "connections"}
