"""Making a handle again leaves no trace in what the cell's own numbers come from."""

import random
import sys

import numpy as np

from nbreplay.tasks.handles_quiet import undisturbed


def test_random_numbers_and_paths_are_as_if_nothing_had_been_made():
    random.seed(1)
    np.random.seed(1)
    expected = random.getstate()[1], np.random.get_state()[1].tolist(), list(sys.path)
    with undisturbed():
        random.random()
        np.random.random()
        sys.path.insert(0, "/made/by/a/cluster")
    assert (random.getstate()[1], np.random.get_state()[1].tolist(), sys.path) == expected
