"""Sources of logs: files, folders, patterns, lists, archives, and splits made by others."""

import gzip
import zipfile
from pathlib import Path

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
    assert {dataset.name for dataset in (by_folder, listed, read_file("shop/*.csv"))} == {"shop"}
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
    path = folder({"a.csv": f"{HEADER}1,11,3\n", "b.csv": "user,item\n1,11\n"})
    with pytest.raises(recbench.UsageError, match=r"Leave out what only one has: time=\. Or name"):
        read_file(path)
    assert read_file(path, time="").interactions.n_interactions == 2


def test_the_error_names_a_file_that_can_be_read_alone(folder, sequences):
    path = folder({"movies.csv": "item,title\n11,Emma\n", "ratings.csv": f"{HEADER}1,11,3\n"})
    with pytest.raises(recbench.UsageError) as caught:
        read_file(path)
    assert str(caught.value).startswith("shop/movies.csv: no column has a usual name for the user")
    named = str(caught.value).rpartition("such as ")[2]
    assert named == f"{path}/ratings.csv"
    assert sequences(read_file(named)) == {1: [11]}


def test_files_without_content_are_left_out_and_noted(folder, sequences):
    packed = gzip.compress(b"")
    path = folder({"a.csv": f"{HEADER}1,11,3\n", "b.csv": "", "c.csv.gz": packed, "d.csv": HEADER})
    dataset = read_file(path)
    assert sequences(dataset) == {1: [11]}
    assert "Files without content were left out: shop/b.csv, shop/c.csv.gz" in dataset.notes
    with pytest.raises(recbench.RecbenchError, match="is empty"):
        read_file(folder({"a.csv": "", "b.csv": ""}, "nothing"))


def test_no_file_is_read_twice(folder, tmp_path):
    path = folder({"a.csv": f"{HEADER}1,11,3\n", "b.csv": f"{HEADER}1,12,4\n"})
    with pytest.raises(recbench.UsageError, match=r"shop/a\.csv is named twice"):
        read_file(f"{path}/a.csv,{path}/*.csv")
    (tmp_path / "shop/latest.csv").symlink_to(tmp_path / "shop/b.csv")
    assert read_file(path).interactions.n_interactions == 2
    path = folder({"a.csv": HEADER, "a.csv.gz": gzip.compress(HEADER.encode())}, "packed")
    with pytest.raises(recbench.UsageError, match=r"a\.csv\.gz seems to be packed/a\.csv, compr"):
        read_file(path)


def test_links_are_followed_and_must_lead_somewhere(folder, sequences, tmp_path):
    path = folder({"a.csv": f"{HEADER}1,11,3\n"})
    folder({"b.csv": f"{HEADER}1,12,4\n"}, "elsewhere")
    (tmp_path / "shop/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "shop/up").symlink_to(tmp_path)
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "shop")
    assert sequences(read_file(path)) == {1: [11, 12]}
    (tmp_path / "shop/c.csv").symlink_to(tmp_path / "nowhere.csv")
    with pytest.raises(recbench.RecbenchError, match=r"c\.csv is a link to a file that does not"):
        read_file(path)


def test_patterns_match_folders_and_archives_but_no_hidden_files(folder, sequences, tmp_path):
    log = f"{HEADER}1,11,3\n"
    path = folder({"may/a.csv": log, "may/._a.csv": "\0", ".old/a.csv": "x", "june.csv": HEADER})
    _zip(tmp_path / "shop/july.zip", {"july.csv": f"{HEADER}1,12,4\n", "__MACOSX/._july.csv": ""})
    assert sequences(read_file(f"{path}/*")) == {1: [11, 12]}
    assert sequences(read_file(f"{path}/**/*.csv")) == {1: [11]}
    assert read_file(f"{path}/m*/*.csv").name == "a.csv"


def test_folders_that_parquet_would_read_as_columns_are_noted(folder):
    dataset = read_file(folder({"day=1/a.csv": f"{HEADER}1,11,3\n"}))
    assert "Names of folders, such as day=1, were not read as columns" in dataset.notes


def test_tables_with_a_history_are_refused(folder):
    path = folder({"a.parquet": "", "_delta_log/0.json": "{}"})
    with pytest.raises(recbench.UsageError, match="is a Delta table"):
        read_file(path)


def test_parquet_files_of_a_folder_may_differ_in_types_and_order(tmp_path, sequences):
    (tmp_path / "shop").mkdir()
    files = (
        {"user": pa.array([7], pa.int32()), "item": [1], "time": [1]},
        {"time": [2], "item": ["01"], "user": [2**40], "extra": [1]},
        {"user": ["007", "7"], "item": ["3", None], "time": [3, 3]},
        {"user": pa.nulls(1), "item": pa.nulls(1), "time": pa.nulls(1)},
        {"user": pa.array([7], pa.int64()), "item": [2.0], "time": [4]},
    )
    for n, columns in enumerate(files):
        parquet.write_table(pa.table(columns), tmp_path / f"shop/part-{n}.parquet")
    (tmp_path / "shop/part-5.parquet").write_bytes(b"")
    (tmp_path / "shop/README.md").write_text("about")
    assert sequences(read_file(str(tmp_path / "shop"))) == {
        "007": ["3"],
        "1099511627776": ["01"],
        "7": ["1", "2"],
    }
    parquet.write_table(pa.table({"user": [1], "item": [2]}), tmp_path / "shop/part-6.parquet")
    with pytest.raises(recbench.UsageError, match=r"part-6\.parquet was read with user=user, item"):
        read_file(str(tmp_path / "shop"))


def test_files_of_several_kinds_are_refused_with_a_pattern(folder):
    path = folder({"x/log.csv": f"{HEADER}1,11,3\n", "x/log.txt": "x", "notes.txt": "x"})
    with pytest.raises(recbench.UsageError) as caught:
        read_file(path)
    assert "several kinds (notes.txt, x/log.csv, x/log.txt)" in str(caught.value)
    assert f"as {path}/x/log.csv, or a pattern, such as {path}/x/*.csv" in str(caught.value)
    with pytest.raises(recbench.UsageError, match="no data files"):
        read_file(folder({"README.md": "x"}, "empty"))


def test_of_a_recbole_folder_the_interactions_are_read(folder, sequences):
    table = "user_id:token\titem_id:token\n1\t2\n"
    dataset = read_file(folder({"ml.inter": table, "ml.item": "x" * 99, "ml.user": "x"}))
    assert sequences(dataset) == {1: [2]}
    assert "Files that were not read: ml.item, ml.user" in dataset.notes


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
    with pytest.raises(recbench.RecbenchError, match=r"shop/month=2024-05/part-1\.parquet row 1: "):
        read_file(path)


def _zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return str(path)


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs devices of POSIX")
def test_a_pipe_or_a_device_is_refused():
    with pytest.raises(recbench.UsageError, match="/dev/null is a pipe or a device; save it"):
        read_file("/dev/null")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_archive_with_two_files_of_a_name_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        archive.writestr("log.csv", f"{HEADER}1,11,3\n")
        archive.writestr("log.csv", f"{HEADER}1,12,3\n")
    with pytest.raises(recbench.RecbenchError, match=r"has several files of the name 'log\.csv'"):
        read_file(str(tmp_path / "shop.zip"))


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


def test_members_of_an_archive_are_named_like_files_of_a_folder(tmp_path, sequences):
    files = {f"{name}/log.csv": f"{HEADER}1,{item},3\n" for name, item in (("a", 11), ("b", 12))}
    path = _zip(tmp_path / "shop.zip", {**files, "c/x[1].csv": f"{HEADER}1,13,3\n"})
    for inside, items, name in (
        ("a/log.csv", [11], "shop.zip/a/log.csv"),
        ("b", [12], "shop.zip/b"),
        ("c/x[1].csv", [13], "shop.zip/c/x[1].csv"),
        ("*/log.csv", [11, 12], "shop.zip/*/log.csv"),
    ):
        dataset = read_file(f"{path}/{inside}")
        assert (sequences(dataset), dataset.name) == ({1: items}, name)
    with pytest.raises(recbench.UsageError, match=r"name one of them: .*/shop\.zip/a/log\.csv, "):
        read_file(f"{path}/log.csv")
    (tmp_path / "empty.zip").write_bytes(b"PK\5\6" + bytes(18))
    with pytest.raises(recbench.UsageError, match="no data files"):
        read_file(str(tmp_path / "empty.zip"))


def test_encrypted_archives_must_be_unpacked(tmp_path):
    path = tmp_path / "shop.zip"
    content = bytearray(Path(_zip(path, {"log.csv": HEADER})).read_bytes())
    content[6] |= 1  # the mark of encryption, in both headers
    content[content.find(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(
        recbench.UsageError, match=r"log\.csv cannot be unpacked .*; unpack it first"
    ):
        read_file(str(path))


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
    assert "The files are split into train, valid and test, which only --split given uses" in notes
    assert "Files of the split: train: click/" in notes
    assert ("Files that were not read: click.item" in notes) == ("click.item" in files)


def test_a_split_without_a_validation_part_or_with_one_file_only(folder):
    dataset = read_file(folder({"train.csv": "user,item\n0,1\n", "test.csv": "user,item\n0,2\n"}))
    assert dataset.interactions.parts.tolist() == [0, 2]
    assert read_file(folder({"train.csv": "user,item\n0,1\n"}, "half")).interactions.parts is None


def test_a_pattern_or_a_list_of_parts_is_a_split_too(folder, sequences):
    path = folder(
        {f"{part}.csv": f"user,item\n1,{n}\n" for n, part in enumerate(("test", "train"))}
    )
    for text in (f"{path}/*.csv", f"{path}/test.csv,{path}/train.csv"):
        dataset = read_file(text)
        assert dataset.notes[0] == (
            "The files are split into train and test, which only --split given uses"
        )
        assert (sequences(dataset), dataset.interactions.parts.tolist()) == ({1: [1, 0]}, [0, 2])


@pytest.mark.parametrize(
    ("train", "test"), [("0 1\n1 2\n", "0 4 3\n1 5\n"), ("0 4 3\n1 5\n", "0 1\n1 2\n")]
)
def test_lists_of_one_item_per_user_are_lists_beside_others(folder, sequences, train, test):
    dataset = read_file(folder({"train.txt": train, "test.txt": test}))
    lists = [[int(word) for word in line.split()] for line in (train + test).splitlines()]
    assert sequences(dataset) == {0: lists[0][1:] + lists[2][1:], 1: lists[1][1:] + lists[3][1:]}
    assert dataset.name == "shop"


def test_wrong_paths_have_a_hint(folder):
    path = folder({"ratings.csv": f"{HEADER}1,2,3\n"})
    with pytest.raises(recbench.UsageError, match=r"did you mean '.*/shop/ratings\.csv'\?"):
        read_file(f"{path}/rating.csv")
    with pytest.raises(recbench.UsageError, match="is not a folder"):
        read_file(f"{path}/ratings.csv/x.csv")
