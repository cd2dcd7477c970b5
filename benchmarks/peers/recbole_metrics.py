"""Compute RecBole's metrics of lists, for metrics.py; the argument is the file that it writes."""

from __future__ import annotations

import json
import sys

import numpy as np
from recbole.evaluator.metrics import GAUC, ShannonEntropy, TailPercentage


def main() -> None:
    np.bool = bool  # type: ignore[misc]  # GAUC uses the old name, which this numpy lacks
    given = np.load(sys.argv[1])
    lists, k = given["lists"], given["lists"].shape[1]
    config = {"topk": [k], "metric_decimal_place": 15, "tail_ratio": int(given["tail"])}
    tail, entropy = TailPercentage(config), ShannonEntropy(config)
    shares = tail.metric_info(tail.get_tail(lists, dict(enumerate(given["counts"].tolist()))))
    nats = entropy.get_entropy(lists) * len(np.unique(lists))
    areas = GAUC(config).metric_info(given["rank_sums"], given["n_ranked"], given["n_targets"])
    found = {"aplt": shares[:, -1].mean(), "entropy": nats / np.log(2), "auc": areas}
    print(json.dumps({name: float(value) for name, value in found.items()}))


if __name__ == "__main__":
    main()
