"""The options of a log: wrong ones, and the name of the dataset, the same for every spelling."""

import pytest

import recbench
from recbench_files import read_file

TEXT = "userId,movieId,timestamp,day\n1,2,3,2020-01-01\n"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "log.csv"),
        ({"user": "userId", "item": "movie_id", "time": "TIMESTAMP", "format": "csv"}, "log.csv"),
        ({"missing": "drop", "rating": ""}, "log.csv"),
        ({"item": "day"}, "log.csv:item=day"),
        ({"time": ""}, "log.csv:time="),
        ({"time": "day"}, "log.csv:time=day"),
        ({"missing": "keep", "where": "day != 2019"}, "log.csv:missing=keep,where=day!=2019"),
        ({"where": "movieId == 2.0"}, "log.csv:where=movieId=2"),
    ],
)
def test_the_name_has_the_options_that_matter(read, options, name):
    assert read(TEXT, **options).name == name


def test_a_name_replaces_that_of_the_file(tmp_path):
    (tmp_path / "log.csv").write_text(TEXT)
    assert read_file(str(tmp_path / "log.csv"), name="shop").name == "shop"
    assert read_file(str(tmp_path / "log.csv"), name="shop", time="").name == "shop:time="


def test_the_format_is_part_of_the_name_where_it_decides(read):
    assert read("1 2\n", format="pairs").name == "log.csv:format=pairs"
    assert read("1,2\n", header="user,item").name == "log.csv:header=user,item"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"missing": "skip"}, "missing=skip must be drop or keep"),
        ({"name": "a:b"}, "name=a:b cannot be shown in tables"),
        ({"name": " "}, "write a short name"),
        ({"format": "jsonl"}, r"did you mean 'json'\?"),
        ({"format": "excel"}, "available: auto, csv"),
    ],
)
def test_wrong_values_are_errors(tmp_path, options, problem):
    (tmp_path / "log.csv").write_text(TEXT)
    with pytest.raises(recbench.UsageError, match=problem):
        read_file(str(tmp_path / "log.csv"), **options)


def test_the_same_file_in_several_spellings_is_one_dataset(tmp_path, monkeypatch):
    (tmp_path / "log.csv").write_text(TEXT)
    (tmp_path / "logs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    spellings = ("log.csv", "./log.csv", "logs/../log.csv", "~/log.csv", str(tmp_path / "log.csv"))
    datasets = [read_file(path) for path in spellings]
    datasets += [recbench.load_dataset(path) for path in (*spellings, "file:path=log.csv")]
    assert {dataset.name for dataset in datasets} == {"log.csv"}
    assert len({dataset.fingerprint() for dataset in datasets}) == 1


@pytest.mark.parametrize("options", [{"time": ""}, {}])
def test_a_format_of_times_needs_a_time(fails, options):
    text = "user,item\n1,2\n"
    assert fails(text, kind=recbench.UsageError, time_format="%Y", **options) == (
        "time_format=%Y has no effect: log.csv is read without a time column. Name it with time=, "
        "or leave time_format out"
    )


def test_conditions_are_named_by_the_names_of_the_columns(read):
    text = "user,item,Event\n1,2,buy\n"
    names = {read(text, where=f"{column}=buy").name for column in ("Event", "event", "EVENT")}
    assert names == {"log.csv:where=Event=buy"}
