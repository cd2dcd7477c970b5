"""Build the network that the settings ask for."""

from .ensemble import Ensemble, Single
from .network import Causal
from .presets import Settings
from .published import Notebook, SASRec

Network = Single | Ensemble


def build_network(settings: Settings, n_items: int, n_users: int, *, embed_users: bool) -> Network:
    """Return a network with random weights, drawn from torch's global generator.

    embed_users: as for `Causal`; `SASRec` never embeds users, and `Notebook` always does.
    """
    members = [
        _build_single(settings, n_items, n_users, embed_users=embed_users)
        for _ in range(settings.n_networks)
    ]
    return members[0] if len(members) == 1 else Ensemble(members)


def members_of(network: Network) -> list[Single]:
    """Return the networks that are trained, which may be only one."""
    return network.networks if isinstance(network, Ensemble) else [network]


def _build_single(settings: Settings, n_items: int, n_users: int, *, embed_users: bool) -> Single:
    if settings.network == "sasrec":
        return SASRec(settings, n_items)
    if settings.network == "notebook":
        return Notebook(settings, n_items, n_users)
    return Causal(settings, n_items, n_users, embed_users=embed_users)
