"""Given: judge on the train, valid and test files that somebody else has made."""

import dataclasses
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import recbench

from .common import distinct_items, note_on_users
from .leave_last_out import LeaveLastOut

_TRAIN, _VALID, _TEST = 0, 1, 2


class Given:
    """The split that comes with the data, as train, valid and test files.

    The data must be a folder that has such files, for example train.csv and test.csv. Models are
    trained on the train part, which is also the history that they see. The targets are the distinct
    items of each user's test part. Users without a training interaction are not judged. Users
    without a test interaction are used for training only.

    With repeats=first, the default of every dataset, an item that is also in the user's train or
    valid part is not a target. With repeats=keep it is one.

    Whether training data are later than targets depends on how the files were made.

    For `recbench tune`, models are trained on the train part only, and the validation targets are
    the distinct items of the valid part or, if there is no valid part, each user's last training
    interaction.

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
        parts = _parts_of(interactions)
        is_test, is_unused = parts == _TEST, (parts == _VALID) & (self.valid == "unused")
        return _hold_out(
            interactions,
            is_test,
            ~is_test & ~is_unused,
            ("test", "valid"),
            _note_on_unused(int(np.count_nonzero(is_unused))),
        )

    def validation_split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out the interactions of the valid part, or each user's last one of the train part.

        Parameters
        ----------
        interactions : recbench.Interactions
            One sequence per user, oldest first, with the part of each interaction.

        Returns
        -------
        recbench.Split
            Training data, histories and targets, without the test part.

        Raises
        ------
        recbench.UsageError
            If the interactions have no parts.
        recbench.RecbenchError
            If no user is in both train and valid, or no user has two interactions to train on.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import Given
        >>> log = recbench.Interactions.from_log([0] * 4, [4, 2, 5, 3], parts=[0, 0, 1, 2])
        >>> split = Given().validation_split(log)
        >>> split.train.items.tolist(), split.targets.tolist()
        ([4, 2], [5])
        """
        parts = _parts_of(interactions)
        if (parts == _VALID).any():
            return _hold_out(interactions, parts == _VALID, parts == _TRAIN, ("validation", "test"))
        learnt = interactions.keep(parts == _TRAIN)
        split = LeaveLastOut().split(learnt.take(np.flatnonzero(learnt.lengths)))
        if not len(split.judged):
            raise recbench.RecbenchError(
                "given: there is no valid part, and no user has two training interactions, so none "
                "can be held out for validation; add a valid part to the folder, or use another "
                "splitter"
            )
        notes = (
            "no valid part: each user's last training interaction is held out for validation",
            *note_on_users(
                (interactions.lengths > 0) & (learnt.lengths == 0),
                "without a training interaction",
                "not judged",
            ),
            *split.notes,
        )
        return dataclasses.replace(split, notes=notes)


def _parts_of(interactions: recbench.Interactions) -> npt.NDArray[Any]:
    if interactions.parts is None:
        raise recbench.UsageError(
            "splitter given: the dataset has no train and test files; name a folder with files "
            "such as train.csv and test.csv, or use leave-last-out"
        )
    return interactions.parts


def _hold_out(
    interactions: recbench.Interactions,
    is_held_out: npt.NDArray[Any],
    is_train: npt.NDArray[Any],
    names: tuple[str, str],
    notes: tuple[str, ...] = (),
) -> recbench.Split:
    """Split interactions by two masks.

    names: what the interactions that are held out are called, and the part that is not used, which
        may be all that a user has. notes: what else the split should say.
    """
    part, other = names
    held_out, learnt = interactions.keep(is_held_out), interactions.keep(is_train)
    is_judged, is_known = held_out.lengths > 0, learnt.lengths > 0
    if not (is_judged & is_known).any():
        raise recbench.RecbenchError(
            f"given: no user has both training and {part} interactions, so nobody can be judged; "
            "check that the files are parts of one dataset and write the ids of users alike"
        )
    known = np.flatnonzero(is_known)
    train, targets = learnt.take(known), distinct_items(held_out.take(known))
    lost = ~is_judged & ~is_known & (interactions.lengths > 0)
    notes = (
        *note_on_users(is_judged & ~is_known, "without a training interaction", "not judged"),
        *note_on_users(
            ~is_judged & is_known,
            f"without a {part} interaction",
            "used for training but not judged",
        ),
        *note_on_users(lost, f"of the {other} part only", "neither used for training nor judged"),
        *notes,
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
