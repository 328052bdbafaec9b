"""How training went, on the page."""

import numpy as np
import pandas as pd

from conntap.circuits import Connectome
from conntap.report.blocks import Gallery, Sample
from conntap.report.kinds import kind
from conntap.report.learning import learning_curves, trained
from conntap.train.trained import Trained

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [0.9, 0.6, 0.5],
        "accuracy": [0.4, 0.6, 0.7],
        "validation_loss": [1.0, 0.7, 0.8],
        "validation_accuracy": [0.3, 0.5, 0.4],
    }
)


def network(history=HISTORY):
    return Trained({"best": 2}, {"gain": np.ones(3)}, history, Connectome(2, [0], [1]))


def sample(values):
    cases = pd.DataFrame({"repeat": range(len(values))})
    return Sample("trained", cases, len(values), lambda: iter(values), lambda *_, **__: pd.DataFrame())


def test_a_trained_network_is_known_for_what_it_is():
    assert kind(network()) == "trained"


def test_curves_are_those_of_the_history():
    lines = learning_curves(HISTORY, "loss").axes[0].lines
    assert [line.get_ydata().tolist() for line in lines] == [[0.9, 0.6, 0.5], [1.0, 0.7, 0.8]]
    assert len(learning_curves(HISTORY[["epoch", "loss"]], "loss").axes[0].lines) == 1


def test_an_ensemble_has_a_panel_a_measure_and_a_row_a_network():
    gallery, table = trained(sample([network(), network()]))
    assert isinstance(gallery, Gallery)
    assert len(gallery.figures) == 4
    assert len(table.rows) == 2


def test_without_an_epoch_there_is_something_to_see_still():
    blocks = trained(sample([network(HISTORY.iloc[:0])]))
    assert len(blocks) == 2
