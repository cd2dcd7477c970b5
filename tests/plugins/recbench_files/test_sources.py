"""Sources of logs: files, folders, patterns, lists, archives, and splits made by others."""

import gzip
import zipfile

import pyarrow as pa
import pytest
from pyarrow import parquet

import recbench
from recbench_files import read_file

HEADER = "user,item,time\n"


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes files into a folder, and returns its path."""

    def write(files, name="shop"):
        for inside, text in files.items():
            path = tmp_path / name / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(tmp_path / name)

    return write


def test_a_folder_of_equal_files_is_one_log(folder, sequences):
    path = folder(
        {
            "part-10.csv": f"{HEADER}1,13,4\n",
            "part-9.csv": f"{HEADER}1,12,3\n2,12,1\n",
            "part-1.csv.gz": gzip.compress(f"{HEADER}1,11,3\n".encode()),
            "_SUCCESS": "",
            ".part-1.csv.crc": b"\0",
            "README.md": "about",
        }
    )
    dataset = read_file(path)
    assert sequences(dataset) == {1: [11, 12, 13], 2: [12]}
    assert dataset.name == "shop"
    note = (
        "3 files were read as one log, in this order: shop/part-1.csv.gz, shop/part-9.csv, "
        "shop/part-10.csv"
    )
    assert note in dataset.notes
    assert "The files were read as CSV, with user=user, item=item, time=time" in dataset.notes


def test_patterns_lists_and_folders_give_the_same_data(folder, monkeypatch, tmp_path):
    path = folder({"a.csv": f"{HEADER}1,11,3\n", "b.csv": f"{HEADER}1,12,4\n"})
    by_folder = read_file(path)
    monkeypatch.chdir(tmp_path)
    lists = ("shop/a.csv,shop/b.csv", "shop/a.csv, shop/b.csv")
    for other in ("shop/*.csv", f"{path}/[ab].csv", *lists):
        assert read_file(other).fingerprint() == by_folder.fingerprint()
        assert read_file(other).sha256 == by_folder.sha256
    listed = read_file(["shop/b.csv", "shop/a.csv"])
    assert listed.name == "b.csv,a.csv"
    assert listed.fingerprint() == by_folder.fingerprint()
    assert listed.sha256 != by_folder.sha256
    with pytest.raises(recbench.UsageError, match=r"no file matches '.*\.tsv'"):
        read_file("shop/*.tsv")


def test_a_comma_in_the_name_of_a_file_is_no_list(folder):
    assert read_file(f"{folder({'a,b.csv': f'{HEADER}1,2,3'})}/a,b.csv").name == "a,b.csv"


def test_errors_name_the_file_and_its_line(folder):
    path = folder({"a.csv": f"{HEADER}1,11,3\n", "b.csv": f"{HEADER}1,12,4\n1,13,soon\n"})
    with pytest.raises(recbench.RecbenchError, match=r"shop/b\.csv line 3: time 'soon'"):
        read_file(path)
    path = folder({"a.csv": f"{HEADER}1,11,2024-05-01\n", "b.csv": f"{HEADER}1,1,x\n"})
    with pytest.raises(recbench.RecbenchError, match=r"shop/b\.csv line 2: time 'x'"):
        read_file(path)


def test_files_with_other_columns_are_not_one_log(folder):
    path = folder({"a.csv": f"{HEADER}1,11,3\n", "b.csv": "item,title\n11,Emma\n"})
    with pytest.raises(recbench.UsageError, match=r"shop/b\.csv: no column has a usual name"):
        read_file(path)
    path = folder({"a.csv": f"{HEADER}1,11,3\n", "b.csv": "userid,item,time\n1,11,3\n"})
    with pytest.raises(recbench.UsageError, match=r"user=userid.*but shop/a\.csv with user=user"):
        read_file(path)


def test_files_of_several_kinds_are_refused_with_a_pattern(folder):
    table = "user_id:token\titem_id:token\n1\t2\n"
    path = folder({"ml.inter": table, "ml.item": "x", "ml.user": "x"})
    with pytest.raises(recbench.UsageError) as caught:
        read_file(path)
    assert "ml.inter, ml.item, ml.user" in str(caught.value)
    assert f"such as {path}/ml.inter, or a pattern, such as {path}/*.inter" in str(caught.value)
    with pytest.raises(recbench.UsageError, match="no data files"):
        read_file(folder({"README.md": "x"}, "empty"))


def test_ids_of_different_types_in_several_files_are_one(tmp_path, sequences):
    parquet.write_table(pa.table({"user": [1, 2], "item": [10**12, 7]}), tmp_path / "a.parquet")
    rows = {"user": ["1", "3"], "item": pa.array([1e12, None])}
    parquet.write_table(pa.table(rows), tmp_path / "b.parquet")
    dataset = read_file([str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")])
    assert sequences(dataset) == {1: [10**12, 10**12], 2: [7]}
    (tmp_path / "a.jsonl").write_text('{"user": 123456789012, "item": 1}\n')
    (tmp_path / "b.jsonl").write_text('{"user": 123456789012.0, "item": 2}\n')
    assert sequences(read_file(f"{tmp_path}/*.jsonl")) == {123456789012: [1, 2]}


def test_parquet_folders_as_spark_writes_them(folder, tmp_path, sequences):
    path = folder({"month=2024-05/_SUCCESS": "", "month=2024-06/_SUCCESS": ""})
    for month, item in (("2024-05", 11), ("2024-06", 12)):
        rows = pa.table({"user": [1, 2], "item": [item, item], "time": [5, 6]})
        parquet.write_table(rows, tmp_path / f"shop/month={month}/part-0.parquet")
    assert sequences(read_file(path)) == {1: [11, 12], 2: [11, 12]}
    assert sequences(read_file(path, where="month=2024-06")) == {1: [12], 2: [12]}
    rows = pa.table({"user": [1], "item": [13], "time": [5], "rating": [float("inf")]})
    for month in ("2024-05", "2024-06"):
        (tmp_path / f"shop/month={month}/part-0.parquet").unlink()
        parquet.write_table(rows, tmp_path / f"shop/month={month}/part-1.parquet")
    with pytest.raises(recbench.RecbenchError, match=r"shop month=2024-05/part-1\.parquet row 1: "):
        read_file(path)


def _zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return str(path)


def test_zip_archives_are_read_like_folders(tmp_path, sequences):
    path = _zip(tmp_path / "shop.zip", {"shop/log.csv": f"{HEADER}1,11,3\n"})
    dataset = read_file(path)
    assert (sequences(dataset), dataset.name) == ({1: [11]}, "shop.zip/shop/log.csv")
    files = {"ml/ratings.csv": f"{HEADER}1,11,3\n1,12,x\n", "ml/links.txt": "x", "ml/README": ""}
    path = _zip(tmp_path / "ml.zip", files)
    with pytest.raises(recbench.UsageError, match=r"files of several kinds"):
        read_file(path)
    with pytest.raises(recbench.UsageError, match=r"no member 'log\.csv'; it contains: ml/README"):
        read_file(f"{path}/log.csv")
    with pytest.raises(recbench.RecbenchError, match=r"ml\.zip/ml/ratings\.csv line 3: time 'x'"):
        read_file(f"{path}/ratings.csv")
    assert sequences(read_file(f"{path}/ratings.csv", time="")) == {1: [11, 12]}
    assert sequences(read_file(f"{path}/ml/*.csv", time="")) == {1: [11, 12]}


def test_parquet_in_a_zip_archive(tmp_path, sequences):
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table({"user": [1], "item": [2]}), sink)
    path = _zip(tmp_path / "shop.zip", {"log.parquet": sink.getvalue().to_pybytes()})
    assert sequences(read_file(path)) == {1: [2]}


@pytest.mark.parametrize(
    "files",
    [
        {
            "click.train.inter": "user_id:token\titem_id:token\n0\t1\n0\t2\n1\t2\n",
            "click.valid.inter": "user_id:token\titem_id:token\n0\t3\n",
            "click.test.inter": "user_id:token\titem_id:token\n0\t4\n0\t5\n1\t5\n",
            "click.item": "item_id:token\n1\n",
        },
        {"train.txt": "0 1 2\n1 2\n", "val.txt": "0 3\n1 \n", "test.txt": "0 4 5\n1 5\n2\n"},
        {
            "train.csv": "user,item\n0,1\n0,2\n1,2\n",
            "dev.csv": "user,item\n0,3\n",
            "test.csv": "user,item\n0,4\n0,5\n1,5\n",
        },
        {
            "train/part-0.csv": "user,item\n0,1\n0,2\n",
            "train/part-1.csv": "user,item\n1,2\n",
            "validation/part-0.csv": "user,item\n0,3\n",
            "test/part-0.csv": "user,item\n0,4\n0,5\n1,5\n",
        },
    ],
)
def test_a_split_that_somebody_else_made(folder, files, sequences):
    dataset = read_file(folder(files, "click"))
    assert sequences(dataset) == {0: [1, 2, 3, 4, 5], 1: [2, 5]}
    assert dataset.interactions.parts.tolist() == [0, 0, 1, 2, 2, 0, 2]
    notes = " ".join(dataset.notes)
    assert "The data have a split of their own (train: click/" in notes
    assert ("Files that were not read: click.item" in notes) == ("click.item" in files)


def test_a_split_without_a_validation_part_or_with_one_file_only(folder):
    dataset = read_file(folder({"train.csv": "user,item\n0,1\n", "test.csv": "user,item\n0,2\n"}))
    assert dataset.interactions.parts.tolist() == [0, 2]
    assert read_file(folder({"train.csv": "user,item\n0,1\n"}, "half")).interactions.parts is None


def test_wrong_paths_have_a_hint(folder):
    path = folder({"ratings.csv": f"{HEADER}1,2,3\n"})
    with pytest.raises(recbench.UsageError, match=r"did you mean '.*/shop/ratings\.csv'\?"):
        read_file(f"{path}/rating.csv")
    with pytest.raises(recbench.UsageError, match="is not a folder"):
        read_file(f"{path}/ratings.csv/x.csv")
