"""Build the network that the settings ask for."""

from .network import Causal
from .presets import Settings
from .published import Notebook, SASRec

Network = Causal | SASRec | Notebook


def build_network(settings: Settings, n_items: int, n_users: int, *, embed_users: bool) -> Network:
    """Return a network with random weights, drawn from torch's global generator.

    embed_users: as for `Causal`; `SASRec` never embeds users, and `Notebook` always does.
    """
    if settings.network == "sasrec":
        return SASRec(settings, n_items)
    if settings.network == "notebook":
        return Notebook(settings, n_items, n_users)
    return Causal(settings, n_items, n_users, embed_users=embed_users)
