"""The loans of a small library."""

from pathlib import Path

import recbench

FOLDER = Path(__file__).parent


def library(since="2024-01-01"):
    """Loans of a small library, with the titles of the books.

    Parameters
    ----------
    since : str, default: 2024-01-01
        First day of the loans to read, as an ISO date.
    """
    import pandas as pd  # here, so that `recbench models` does not wait for it

    books = pd.read_csv(FOLDER / "books.csv")  # shelfmark, title
    loans = pd.read_csv(FOLDER / "loans.csv")  # reader, shelfmark, date
    loans = loans[loans["date"] >= since]
    user, readers = pd.factorize(loans["reader"])
    item = pd.Index(books["shelfmark"]).get_indexer(loans["shelfmark"])
    seconds = loans["date"].to_numpy("datetime64[s]").astype("int64")
    return recbench.Dataset(
        name="library",
        interactions=recbench.Interactions.from_log(user, item, seconds, n_items=len(books)),
        user_ids=readers.to_numpy(),
        item_ids=books["shelfmark"].to_numpy(),
        titles=books["title"].to_numpy(),
        source="loans.csv in the package recbench_library",
        licence="CC0",
    )


library.size = "40 users, 18 items"
library.licence = "CC0"
library.is_here = lambda data_dir: True


@recbench.hookimpl
def recbench_datasets():
    return {"library": library}
