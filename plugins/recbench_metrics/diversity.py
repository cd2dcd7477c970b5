"""Intra-list diversity: how different the items of a list are from each other."""

from collections.abc import Callable

import numpy as np

import recbench

from .categories import categories_of
from .listed import Array, Values, first_items, times_listed

Distance = Callable[[Array, Array], Values]
"""(n,) items, (n,) items -> (n,) distances; NaN if one of the items is unknown."""

TOGETHER = "co-occurrence"

MOST_SEQUENCES = 8192
"""From how many training sequences co-occurrence is counted; more are sampled."""

PAIRS_AT_ONCE = 2**20

BYTES_AT_ONCE = 2**18

MOST_KEPT = 2**24  # distances: 128 MB

UNKNOWN = -1.0  # stands for a distance that is not computed yet


def ild(ranking: recbench.Ranking, k: int, by: str = TOGETHER) -> Values:
    """ILD@k, intra-list diversity: the mean distance between all pairs of the first k items.

    By default, the distance of two items is 1 - c / sqrt(a * b), where a and b are the numbers of
    training sequences with each of them, and c that of sequences with both: the cosine distance of
    their columns in the matrix of users and items. An item without training interactions has the
    distance 1 from all others. If there are more than 8,192 training sequences, a random sample of
    8,192 is counted, always with the same seed.

    With `by`, it is the distance between their values in a column. For categories, this is the
    Jaccard distance: 1 minus the number of categories that both have, divided by the number that at
    least one of them has. For numbers, it is their difference, divided by the largest difference in
    the catalogue. Pairs with an item whose value is unknown are left out.

    A list without a pair gets 0. Equal scores are ordered by item number. Where the dataset has no
    such column, the metric is left out.

    Parameters
    ----------
    ranking : recbench.Ranking
        A ranking with lists of recommended items, and training interactions or features of items.
    k : int
        Cut-off: only the first k items of each list count.
    by : str, default: "co-occurrence"
        "co-occurrence", or a column of items, such as genres: numbers, or categories separated by
        "|".

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    Raises
    ------
    recbench.RecbenchError
        If the ranking has no lists, if they are shorter than k, or if there is no such column.

    References
    ----------
    Smyth & McClave, "Similarity vs. diversity", ICCBR 2001. Ziegler, McNee, Konstan & Lausen,
    "Improving recommendation lists through topic diversification", WWW 2005. For numbers: Gower, "A
    general coefficient of similarity and some of its properties", Biometrics 27, 1971.

    Examples
    --------
    Items 0 and 1 are chosen by the same user, and item 2 by another one:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.diversity import ild
    >>> train = recbench.Interactions.from_log(users=[0, 0, 1], items=[0, 1, 2], n_items=4)
    >>> split = recbench.Split(train, history=train, targets=[3, 3])
    >>> lists = np.array([[0, 1], [0, 2]])
    >>> ranking = recbench.Ranking([0, 0], [1, 1], lists=lists).of_split(split)
    >>> ild(ranking, 2).tolist()
    [0.0, 1.0]
    """
    items, _ = first_items(ranking, k)
    names, distance = np.flatnonzero(times_listed(ranking, k)), _distance(ranking, by, items)
    left, right = np.triu_indices(items.shape[1], 1)
    means = np.zeros(len(items))
    size = max(1, PAIRS_AT_ONCE // max(1, len(left)))
    distances = Distances(distance, names, len(items) * len(left))
    for start in range(0, len(items) if len(left) else 0, size):
        part = items[start : start + size]
        first, second = part[:, left], part[:, right]
        listed = (first >= 0) & (second >= 0)
        found = np.full(listed.shape, np.nan)
        found[listed] = distances.of(first[listed], second[listed])
        known = ~np.isnan(found)
        n_pairs = np.count_nonzero(known, axis=1)
        sums = np.where(known, found, 0.0).sum(axis=1)
        means[start : start + size] = sums / np.maximum(n_pairs, 1)
    return means


def _distance(ranking: recbench.Ranking, by: str, items: Array) -> Distance:
    """Return the distance of listed items by a column, or by the sequences that hold them."""
    n_items = len(ranking.popularity)  # type: ignore[arg-type]
    if by == TOGETHER:
        train = ranking.train
        if len(train) > MOST_SEQUENCES:
            drawn = np.random.default_rng(0).choice(len(train), MOST_SEQUENCES, replace=False)
            train = train.take(np.sort(drawn))
        row = np.repeat(np.arange(len(train)), train.lengths)
        return Sets(train.items, row, n_items, len(train), items).cosine
    values = ranking.item_features[by]
    if values.dtype.kind in "if":
        return _difference_of(values.astype(np.float64))
    categories, offsets, n_categories = categories_of(values)
    item = np.repeat(np.arange(n_items), np.diff(offsets))
    return Sets(item, categories, n_items, n_categories, items).jaccard


def _difference_of(values: Values) -> Distance:
    """Return the distance of numbers: their difference, as a share of the largest one."""
    known = values[~np.isnan(values)]
    largest = np.ptp(known) if len(known) else 0.0
    return lambda left, right: np.abs(values[left] - values[right]) / (largest or 1.0)


class Distances:
    """Distances of pairs of items, each computed once.

    distance: as `_distance` returns it. names: (m,) the items. n_pairs: how many distances will be
    asked for. If these are many, all m * m distances are kept; else only those of one call.
    """

    def __init__(self, distance: Distance, names: Array, n_pairs: int) -> None:
        self.distance, self.names = distance, names
        self.row = np.zeros(names.max(initial=-1) + 1, dtype=np.int64)
        self.row[names] = np.arange(len(names))
        size = len(names) ** 2
        self.known = np.full(size, UNKNOWN) if size <= min(n_pairs, MOST_KEPT) else None

    def of(self, left: Array, right: Array) -> Values:
        """(n,) the distances of two items each."""
        low, high = np.minimum(left, right), np.maximum(left, right)
        pairs = self.row[low] * len(self.names) + self.row[high]
        if self.known is None:
            different, place = np.unique(pairs, return_inverse=True)
            return np.asarray(self._computed(different)[place])
        new = np.unique(pairs[self.known[pairs] == UNKNOWN])
        self.known[new] = self._computed(new)
        return np.asarray(self.known[pairs])

    def _computed(self, pairs: Array) -> Values:
        low, high = np.divmod(pairs, len(self.names))
        return self.distance(self.names[low], self.names[high])


class Sets:
    """A set of numbers from 0 for each item, as bits, and distances of these sets.

    items, members: (n,) an item, and a number in its set. only: the items whose sets are needed.
    """

    def __init__(
        self, items: Array, members: Array, n_items: int, n_members: int, only: Array
    ) -> None:
        is_needed = np.zeros(n_items, dtype=bool)
        is_needed[only[only >= 0]] = True
        self.row = np.cumsum(is_needed) - 1
        items, members = self.row[items[is_needed[items]]], members[is_needed[items]]
        width = max(1, -(-n_members // 64)) * 8  # bytes: a whole number of words
        bits = np.zeros(np.count_nonzero(is_needed) * width, dtype=np.uint8)
        np.bitwise_or.at(bits, items * width + members // 8, (1 << members % 8).astype(np.uint8))
        self.words = bits.view(np.uint64).reshape(-1, width // 8)
        self.sizes = np.bitwise_count(self.words).sum(axis=1, dtype=np.int64)

    def cosine(self, left: Array, right: Array) -> Values:
        """(n,) the cosine distances of two sets each; 1 if a set is empty."""
        common, n_left, n_right = self._common(left, right)
        return np.asarray(1 - common / np.sqrt(np.maximum(n_left * n_right, 1)))

    def jaccard(self, left: Array, right: Array) -> Values:
        """(n,) the Jaccard distances of two sets each; NaN if a set is empty."""
        common, n_left, n_right = self._common(left, right)
        is_known = (n_left > 0) & (n_right > 0)
        return np.where(is_known, 1 - common / np.maximum(n_left + n_right - common, 1), np.nan)

    def _common(self, left: Array, right: Array) -> tuple[Array, Array, Array]:
        """(n,) each: how many numbers both sets have, and how many each of them has."""
        rows, others = self.row[left], self.row[right]
        common = np.empty(len(rows), dtype=np.int64)
        size = max(1, BYTES_AT_ONCE // (8 * self.words.shape[1]))
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            both = self.words[rows[part]] & self.words[others[part]]
            common[part] = np.bitwise_count(both).sum(axis=1, dtype=np.int64)
        return common, self.sizes[rows], self.sizes[others]


ild.bounds = (0.0, 1.0)  # type: ignore[attr-defined]

METRICS = {"ild": ild}
"""Name that users type -> metric. Add new metrics here."""
