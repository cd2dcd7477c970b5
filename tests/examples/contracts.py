from recbench_follows_last import FollowsLast
from recbench_neighbours import Neighbours
from recbench_new_genres import new_genres
from recbench_new_users import NewUsers
from recbench_rbp import rbp

from recbench.testing import check_metric, check_model, check_splitter


def test_models():
    check_model(FollowsLast)
    check_model(Neighbours)
    check_model(Neighbours, last=1)  # with an option


def test_splitter():
    check_splitter(NewUsers, share=0.5)


def test_metric():
    check_metric(rbp)
    check_metric(new_genres)
