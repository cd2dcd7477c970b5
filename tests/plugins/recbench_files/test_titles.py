"""Titles in a column of the log."""

import numpy as np

from recbench_files.titles import first_titles


def test_the_first_title_of_an_item_counts():
    items, codes = np.array([0, 2, 0, 2, 1]), np.array([1, -1, 0, 2, -1])
    titles = np.array(["MUG", "CUP", "LAMP"], dtype=object)
    assert first_titles(items, codes, titles, 4).tolist() == ["CUP", "", "LAMP", ""]


def test_titles_of_a_log(read):
    log = "user,item,name\n1,10,CUP\n2,10,MUG\n1,11,\n"
    assert read(log, title="name").titles.tolist() == ["CUP", ""]
