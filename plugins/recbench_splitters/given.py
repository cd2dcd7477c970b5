"""Given: judge on the train, valid and test files that somebody else has made."""

from typing import Literal

import numpy as np

import recbench

from .common import distinct_items, note_on_users

_VALID, _TEST = 1, 2


class Given:
    """The split that comes with the data, as train, valid and test files.

    The data must be a folder that has such files, for example train.csv and test.csv. Models are
    trained on the train part, which is also the history that they see. The targets are the distinct
    items of each user's test part. Users without a training interaction are not judged. Users
    without a test interaction are used for training only.

    With repeats=first, the default of every dataset, an item that is also in the user's train or
    valid part is not a target. With repeats=keep it is one.

    Whether training data are later than targets depends on how the files were made.

    Parameters
    ----------
    valid : {"train", "unused"}, default: "train"
        Whether the valid part belongs to training data and histories, or is left out.

    Examples
    --------
    >>> import recbench
    >>> from recbench_splitters import Given
    >>> log = recbench.Interactions.from_log(
    ...     users=[0, 0, 0, 0, 1], items=[4, 2, 5, 3, 2], parts=[0, 1, 2, 2, 0]
    ... )
    >>> split = Given().split(log)
    >>> [items.tolist() for items in split.history.sequences()]
    [[4, 2], [2]]
    >>> split.targets.tolist(), split.offsets.tolist()  # user 0 has two targets, user 1 has none
    ([5, 3], [0, 2, 2])
    """

    def __init__(self, valid: Literal["train", "unused"] = "train") -> None:
        known = valid in ("train", "unused")
        recbench.check_options("splitter given", ("valid", valid, known, "train or unused"))
        self.valid = valid

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out the interactions of the test part.

        Parameters
        ----------
        interactions : recbench.Interactions
            One sequence per user, oldest first, with the part of each interaction.

        Returns
        -------
        recbench.Split
            Training data, histories and targets.

        Raises
        ------
        recbench.UsageError
            If the interactions have no parts.
        recbench.RecbenchError
            If no user is in both train and test.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import Given
        >>> log = recbench.Interactions.from_log([0] * 3, [4, 2, 5], parts=[0, 1, 2])
        >>> Given(valid="unused").split(log).notes
        ('the valid part is not used: 1 interaction',)
        """
        parts = interactions.parts
        if parts is None:
            raise recbench.UsageError(
                "splitter given: the dataset has no train and test files; name a folder with files "
                "such as train.csv and test.csv, or use leave-last-out"
            )
        is_test, is_unused = parts == _TEST, (parts == _VALID) & (self.valid == "unused")
        tested = interactions.keep(is_test)
        learnt = interactions.keep(~is_test & ~is_unused)
        is_tested, is_known = tested.lengths > 0, learnt.lengths > 0
        if not (is_tested & is_known).any():
            raise recbench.RecbenchError(
                "given: no user has both training and test interactions, so nobody can be judged; "
                "check that the files are parts of one dataset and write the ids of users alike"
            )
        known = np.flatnonzero(is_known)
        train, targets = learnt.take(known), distinct_items(tested.take(known))
        lost = ~is_tested & ~is_known & (interactions.lengths > 0)
        notes = (
            *note_on_users(is_tested & ~is_known, "without a training interaction", "not judged"),
            *note_on_users(
                ~is_tested & is_known,
                "without a test interaction",
                "used for training but not judged",
            ),
            *note_on_users(lost, "of the valid part only", "neither used for training nor judged"),
            *_note_on_unused(int(np.count_nonzero(is_unused))),
            *_note_on_seen(int(np.isin(targets.pairs(), train.pairs()).sum())),
        )
        return recbench.Split(
            train, train, targets.items, targets.times, targets.offsets, notes, ordered=False
        )


def _note_on_unused(n: int) -> tuple[str, ...]:
    interactions = "1 interaction" if n == 1 else f"{n:,} interactions"
    return (f"the valid part is not used: {interactions}",) if n else ()


def _note_on_seen(n: int) -> tuple[str, ...]:
    if not n:
        return ()
    targets_are = "1 target is" if n == 1 else f"{n:,} targets are"
    return (f"{targets_are} in the history of the same user too",)
