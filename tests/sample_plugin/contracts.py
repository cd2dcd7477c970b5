from recbench_library import library
from recbench_neighbours import Neighbours
from recbench_new_genres import new_genres

from recbench.testing import check_dataset, check_metric, check_model


def test_model():
    check_model(Neighbours)
    check_model(Neighbours, last=1)  # with an option


def test_dataset():
    check_dataset(library)


def test_metric():
    check_metric(new_genres)
