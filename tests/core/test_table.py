"""All stored results, as the command `table` shows them."""

import pytest

import recbench
from recbench import RecbenchError, UsageError


def test_it_returns_all_stored_results(tiny: str, busy: str) -> None:
    recbench.run(["popular", "random"], tiny, seed=(0, 1), ks=3)
    recbench.run("popular", busy, ks=3, results="others")
    stored = recbench.table()
    assert [result.model for result in stored] == ["popular", "random", "random"]
    assert stored.metrics == ("ndcg",)
    assert stored.segments == {}
    assert "NDCG@3" in str(stored)
    (other,) = recbench.table("others", metrics="HR,ndcg", segments=True)
    assert other.setting.dataset == "busy.csv"
    text = str(recbench.table("others", metrics=["hit", "ndcg"], segments=True))
    assert text.index("HR@3") < text.index("NDCG@3")
    assert "in tail" in text
    assert list(stored.to_frame()["model"].unique()) == [
        row.model for section in stored.sections() for row in section.rows
    ]


def test_there_may_be_nothing_to_show(tiny: str) -> None:
    with pytest.raises(RecbenchError, match=r"no results are stored in nowhere\. Start with: recb"):
        recbench.table("nowhere")
    recbench.run("popular", tiny, ks=3)
    with pytest.raises(UsageError, match="no metric 'ndgc'; did you mean 'ndcg'"):
        recbench.table(metrics="ndgc")
