"""The values that other libraries gave for the same lists.

benchmarks/metrics.py made them, with the versions in benchmarks/metrics.md: RecTools, ranx and
RecBole, and SciPy, scikit-learn and numpy where no library has the metric.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from recbench_metrics import recbench_metrics

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "metrics.py"

PEERS: list[tuple[str, dict[str, Any], float]] = [
    ("precision", {}, 0.07833333333333332),  # RecTools, ranx
    ("f1", {}, 0.1305555555555556),  # RecTools, ranx
    ("recall", {}, 0.39166666666666666),  # RecTools
    ("popularity", {}, 19.193333333333335),  # RecTools
    ("serendipity", {}, 0.035),  # RecTools
    ("ild", {}, 0.7176416055846015),  # RecTools, with distances of scikit-learn
    ("ild", {"by": "genres"}, 0.7345185185185185),  # RecTools, with distances of SciPy
    ("ild", {"by": "year"}, 0.3774452003023432),  # RecTools, with distances of SciPy
    ("r-precision", {}, 0.075),  # ranx
    ("rbp", {}, 0.06347124565333334),  # ranx
    ("rbp", {"persistence": 0.95}, 0.03067738682772301),  # ranx
    ("ndcg", {}, 0.20474004524427564),  # ranx
    ("map", {}, 0.11220568783068784),  # ranx
    ("auc", {}, 0.5153006390638744),  # RecBole (GAUC), scikit-learn
    ("aplt", {}, 0.6083333333333333),  # RecBole (TailPercentage)
    ("entropy", {}, 5.459221497657706),  # RecBole (ShannonEntropy, in other units), SciPy
    ("personalisation", {}, 0.7652542372881356),  # scikit-learn
    ("calibration", {}, 0.3298740044268662),  # SciPy
    ("popularity-lift", {}, -0.4282059439956976),  # numpy
]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("metrics_of_peers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "options", "value"), PEERS)
def test_values_are_those_of_other_libraries(
    script: ModuleType, name: str, options: dict[str, Any], value: float
) -> None:
    ranking, _ = script.made()
    ours = recbench_metrics()[name](ranking, script.K, **options)
    assert np.mean(ours) == pytest.approx(value, abs=1e-12)
