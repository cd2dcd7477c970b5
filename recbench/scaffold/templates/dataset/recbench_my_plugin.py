"""A log of your own. Here, the purchases are made up."""

import recbench


def read():
    """Return one row per purchase. Read your own log instead: pd.read_csv(...), a query, ..."""
    import pandas as pd  # here, so that `recbench datasets` does not wait for it

    rows = [
        (f"customer {c}", f"article {(c * c + n * n) % 17}", f"2026-01-{n + 1:02}")
        for c in range(50)
        for n in range(3 + c % 6)
    ]
    return pd.DataFrame(rows, columns=["customer", "article", "day"])


def my_plugin():
    """Made-up purchases of 50 customers."""
    import pandas as pd

    log = read()
    user, customers = pd.factorize(log["customer"])  # numbers from 0, and the id of each
    item, articles = pd.factorize(log["article"])
    seconds = pd.to_datetime(log["day"]).to_numpy("datetime64[s]").astype("int64")
    return recbench.Dataset(
        name="my-plugin",
        interactions=recbench.Interactions.from_log(user, item, seconds),
        user_ids=customers.to_numpy(),
        item_ids=articles.to_numpy(),
        source="made up in recbench_my_plugin.py",
    )


@recbench.hookimpl
def recbench_datasets():
    return {"my-plugin": my_plugin}
