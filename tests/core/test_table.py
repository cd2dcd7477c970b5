"""All stored results, as the command `table` shows them."""

from pathlib import Path

import pandas as pd
import pytest

import recbench
from recbench import RecbenchError, UsageError


def test_it_returns_all_stored_results(tiny: str, busy: str) -> None:
    recbench.run(["popular", "random"], tiny, seed=(0, 1), ks=3)
    recbench.run("popular", busy, ks=3, results="others")
    stored = recbench.table()
    assert [result.model for result in stored] == ["popular", "random", "random"]
    assert stored.metrics == ("ndcg",)
    assert stored.breakdown.by == ()
    assert "NDCG@3" in str(stored)
    (other,) = recbench.table("others", metrics="HR,ndcg", by="popularity")
    assert other.setting.dataset == "busy.csv"
    text = str(recbench.table("others", metrics=["hit", "ndcg"], by=["popularity"]))
    assert text.index("HR@3") < text.index("NDCG@3")
    assert "tail - others" in text
    assert list(stored.to_frame()["model"].unique()) == [
        row.model for section in stored.sections() for row in section.rows
    ]


def test_there_may_be_nothing_to_show(tiny: str) -> None:
    with pytest.raises(RecbenchError, match=r"no results are stored in nowhere\. Start with: recb"):
        recbench.table("nowhere")
    recbench.run("popular", tiny, ks=3)
    with pytest.raises(UsageError, match="no metric 'ndgc'; did you mean 'ndcg'"):
        recbench.table(metrics="ndgc")


def _log(folder: Path, name: str, column: str) -> str:
    """Write a log and a table of its users, and return it with its options."""
    lines = [f"u{user},i{(user + t) % 7},{t}" for user in range(12) for t in range(4)]
    (folder / name).write_text("user,item,time\n" + "\n".join(lines) + "\n")
    users = "".join(f"u{user},{'FM'[user % 3 == 0]}\n" for user in range(12))
    (folder / f"users of {name}").write_text(f"user,{column}\n{users}")
    return f"{folder / name}:user_table={folder / f'users of {name}'}"


def test_data_are_loaded_again_for_columns_of_users(tmp_path: Path) -> None:
    logs = [_log(tmp_path, "a.csv", "gender"), _log(tmp_path, "b.csv", "town")]
    recbench.run("popular", logs, ks=3, in_process=True)
    with pytest.raises(UsageError, match="no column 'size' to group by; columns of users: gender"):
        recbench.table(by="size")
    recbench.run("popular", {"frame": pd.read_csv(tmp_path / "a.csv")}, ks=3, in_process=True)
    stored = recbench.table(by="gender")
    sections = {section.dataset_name: section for section in stored.sections()}
    found = sections["a.csv"].by_group(3)
    assert [(each.group, each.users, each.versus) for each in found] == [
        ("F", 8, ""),
        ("M", 4, "F"),
    ]
    assert sections["b.csv"].by_group(3) == sections["frame"].by_group(3) == []
    assert "Not by gender: there is no column 'gender' to group by; columns of users: town" in (
        " ".join(str(stored).split())
    )
    assert sections["frame"].ungrouped[0].startswith("Not by gender: ")
    with (tmp_path / "a.csv").open("a") as file:
        file.write("u1,i9,9\n")
    stored = recbench.table(by="gender,history")
    assert "the content of" in " ".join(str(stored).split())
    assert {each.by for each in stored.sections()[0].by_group(3)} == {"history"}
