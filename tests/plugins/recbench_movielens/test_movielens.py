"""MovieLens: where its files are looked for, what is refused, and how they are read."""

import contextlib
import dataclasses
import errno
import hashlib
import http.server
import io
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

import recbench
import recbench_movielens as plugin
from recbench.data.dataset import factory_facts
from recbench.spec import build
from recbench_movielens import cache, download, layouts
from recbench_movielens.download import Archive
from recbench_movielens.wheel import Wheel

REAL = os.environ.get("RECBENCH_DATA") or "no folder of data"
REAL_RUN = subprocess.run

UDATA = "196\t242\t3\t881250949\n186\t302\t4\t891717742\n196\t302\t5\t881250949\n22\t377\t1\t5\n"
UITEM = (
    "242|Kolya (1996)|24-Jan-1997||http://x|0|1\n"
    "302|L.A. Confidential (1997) |01-Jan-1997||http://x|0|1\n"
    "377|Misérables, Les (1995)|01-Jan-1995||http://x|0|1\n"
    "999|Never rated (1990)|01-Jan-1990||http://x|0|1\n"
)
INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + UDATA
ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "242\tKolya\t1996\tComedy\n"
    "302\tL.A. Confidential\t1997\tCrime Film-Noir\n"
    "377\tMisérables, Les\t1995\tDrama\n"
    "999\tunkonwn\tunkonwn\tunkonwn\n"
)
TITLES = {242: "Kolya (1996)", 302: "L.A. Confidential (1997)", 377: "Misérables, Les (1995)"}
PUBLISHED = {
    "ml-100k/": "",
    "ml-100k/u.data": UDATA,
    "ml-100k/u.item": UITEM.encode("latin-1"),
    "ml-100k/allbut.pl": "never unpacked",
}
IN_WHEEL = "recbole/dataset_example/ml-100k"
WHEEL = {f"{IN_WHEEL}/ml-100k.inter": INTER, f"{IN_WHEEL}/ml-100k.item": ITEM}


def sha256(content):
    content = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(content).hexdigest()


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Publisher:
    """A server on this machine that gives one answer to everybody and counts who asks."""

    def __init__(self):
        self.body, self.status, self.promised, self.asked, self.pause = b"", 200, None, 0, 0
        publisher = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                publisher.asked += 1
                time.sleep(publisher.pause)
                self.send_response(publisher.status)
                self.send_header("Content-Length", publisher.promised or len(publisher.body))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(publisher.body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/ml-100k.zip"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def publisher():
    publisher = Publisher()
    publisher.body = zipped(PUBLISHED)
    yield publisher
    publisher.close()


@pytest.fixture(autouse=True)
def cached(tmp_path, monkeypatch):
    """An empty cache, no folder of data, no proxy, and a pip that reaches nothing."""
    monkeypatch.setattr(cache, "home", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv("RECBENCH_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(subprocess, "run", pip(error="ERROR: No matching distribution found"))
    return tmp_path / "cache"


def pip(members=None, error=""):
    """A pip that leaves a wheel of these members, or fails with these words."""

    def run(command, **_):
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        assert "--no-deps" in command
        if members is not None:
            folder = Path(command[command.index("--dest") + 1])
            (folder / "recbole-1.2.1-py3-none-any.whl").write_bytes(zipped(members))
        return subprocess.CompletedProcess(command, 0 if members else 1, "", error)

    return run


def ml_100k(publisher=None, **changes):
    """The tiny ml-100k of this file, published at the given place."""
    known = {one.name: one for one in plugin.MOVIELENS}["ml-100k"]
    address = publisher.address if publisher else "http://127.0.0.1:9/ml-100k.zip"
    body = publisher.body if publisher else b""
    made = dataclasses.replace(
        known,
        counts=(3, 3, 4),
        archive=Archive(address, len(body), "sha256:" + sha256(zipped(PUBLISHED))),
        layouts=(
            dataclasses.replace(layouts.UDATA, sha256=sha256(UDATA)),
            dataclasses.replace(layouts.INTER, sha256=sha256(INTER)),
        ),
        wheel=Wheel("recbole==1.2.1", {name: sha256(text) for name, text in WHEEL.items()}),
    )
    return dataclasses.replace(made, **changes)


def titles(dataset):
    return dict(zip(dataset.item_ids.tolist(), dataset.titles.tolist(), strict=True))


def remarks(dataset):
    """The notes of this plugin, without those of the one that reads the file."""
    return [one for one in dataset.notes if "titles" in one or "used as it is" in one]


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )


def assert_failed(dataset, cached, *words):
    """It fails with all these words, and leaves nothing behind."""
    with pytest.raises(recbench.RecbenchError) as caught:
        dataset()
    for word in (*words, "--data-dir FOLDER", "--dataset synthetic"):
        assert word in str(caught.value)
    assert not cached.exists() or not list(cached.iterdir())


def test_the_hook_gives_all_names_with_their_facts():
    factories = plugin.recbench_datasets()
    assert list(factories) == [
        "ml-100k",
        "ml-1m",
        "ml-latest-small",
        "ml-20m",
        "ml-25m",
        "ml-32m",
    ]
    assert factories["ml-100k"].size == "943 users, 1,682 items, 100,000 ratings, 5 MB"
    assert factories["ml-latest-small"].size.startswith("about 610 users")
    for name, factory in factories.items():
        assert factory.name == name
        assert factory.__doc__.startswith("MovieLens ")
        assert factory.archive.address.endswith(f"/{name}.zip")
        assert factory_facts(factory, None)["here"] == "no"
        assert "no commercial use" in factory.licence
        assert "10.1145/2827872" in factory.citation


def test_importing_the_plugin_is_cheap():
    heavy = "pandas", "pyarrow", "pooch", "requests", "torch"
    found = f"[one for one in {heavy} if one in sys.modules]"
    code = f"import sys, recbench_movielens, recbench_synthetic; print({found})"
    command = [sys.executable, "-c", code]
    path = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        assert process.communicate()[0].strip() == "[]"


def test_the_publisher_is_asked_and_the_cache_is_used_afterwards(publisher, cached):
    dataset = ml_100k(publisher)()
    assert dataset.name == "ml-100k"
    assert dataset.source == publisher.address
    assert dataset.sha256 == sha256(UDATA)
    assert remarks(dataset) == []
    assert titles(dataset) == TITLES
    assert (dataset.interactions.n_users, dataset.interactions.n_interactions) == (3, 4)
    assert sorted(one.name for one in cached.rglob("*")) == ["ml-100k", "u.data", "u.item"]
    publisher.status = 500
    again = ml_100k(publisher)()
    assert again.fingerprint() == dataset.fingerprint()
    assert again.source == dataset.source
    assert publisher.asked == 1


def test_ids_and_the_order_of_ties_are_kept(publisher):
    dataset = ml_100k(publisher)()
    log = dataset.interactions
    by_user = {
        int(dataset.user_ids[user]): dataset.item_ids[items].tolist()
        for user, items in zip(log.users, log.sequences(), strict=True)
    }
    assert by_user == {196: [242, 302], 186: [302], 22: [377]}


def test_a_damaged_cache_is_filled_again(publisher, cached):
    write(cached / "ml-100k", u_data="196\t242\t3\t881250949\n")
    assert ml_100k(publisher)().interactions.n_interactions == 4
    assert publisher.asked == 1
    write(cached / "ml-100k", u_data="196\t242\t3\t881250949\n")
    publisher.status = 503
    with pytest.raises(recbench.RecbenchError, match=r"the cache: its u\.data is damaged"):
        ml_100k(publisher)()


def test_what_killed_processes_left_is_swept_and_living_ones_are_left_alone(publisher, cached):
    for name in (".under-way-old", ".under-way-new"):
        write(cached / name / "work", archive_zip="half")
    day_before = time.time() - 2 * 24 * 3600
    os.utime(cached / ".under-way-old", (day_before, day_before))
    ml_100k(publisher)()
    assert sorted(one.name for one in cached.iterdir()) == [".under-way-new", "ml-100k"]


def test_downloads_at_the_same_time_do_not_hurt_each_other(publisher, cached):
    publisher.pause = 0.2
    prints, dataset = [], ml_100k(publisher)
    threads = [
        threading.Thread(target=lambda: prints.append(dataset().fingerprint())) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(prints) == 4
    assert len(set(prints)) == 1
    assert [one.name for one in cached.iterdir()] == ["ml-100k"]


def test_a_wrong_checksum_is_refused(publisher, cached):
    publisher.body = zipped({**PUBLISHED, "ml-100k/u.data": UDATA + UDATA})
    assert_failed(
        ml_100k(publisher), cached, "the publisher: the zip's sha256 is not the published"
    )


def test_md5_is_checked_too(publisher, cached):
    assert_failed(
        ml_100k(publisher, archive=Archive(publisher.address, 1, "md5:" + "0" * 32)),
        cached,
        "the zip's md5 is not the published",
    )


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    "member", ["../evil", "ml-100k/../../evil", "/evil", "C:/evil", "ml-100k\\..\\..\\evil"]
)
def test_a_zip_that_leads_out_of_its_folder_is_refused(publisher, cached, member):
    publisher.body = zipped({**PUBLISHED, member: "evil"})
    unchecked = ml_100k(publisher, archive=Archive(publisher.address, 1))
    assert_failed(unchecked, cached, "refused", repr(member))


def test_a_zip_with_a_link_is_refused(publisher, cached):
    publisher.body = zipped({**PUBLISHED, link("ml-100k/link"): "/etc/passwd"})
    unchecked = ml_100k(publisher, archive=Archive(publisher.address, 1))
    assert_failed(unchecked, cached, "refused", "'ml-100k/link'")


def test_a_zip_without_the_ratings_is_refused(publisher, cached):
    publisher.body = zipped({"ml-100k/u.item": "x"})
    unchecked = ml_100k(publisher, archive=Archive(publisher.address, 1))
    assert_failed(unchecked, cached, "the zip holds no ml-100k/u.data")


def test_a_zip_with_a_damaged_member_is_refused(publisher, cached):
    body = bytearray(publisher.body)
    body[body.index(b"ml-100k/u.data") + 20] ^= 0xFF
    publisher.body = bytes(body)
    unchecked = ml_100k(publisher, archive=Archive(publisher.address, 1))
    assert_failed(unchecked, cached, "the zip is broken")


def test_a_download_that_is_cut_off_is_refused(publisher, cached):
    publisher.promised = len(publisher.body)
    publisher.body = publisher.body[:200]
    assert_failed(ml_100k(publisher), cached, "the publisher: the download was cut off")


def test_half_a_zip_is_refused_even_where_no_checksum_is_known(publisher, cached):
    publisher.body = publisher.body[:200]
    unchecked = ml_100k(publisher, archive=Archive(publisher.address, 1))
    assert_failed(unchecked, cached, "200 bytes came that are no zip")


def test_a_web_page_instead_of_the_zip_is_refused(publisher, cached):
    publisher.body = b"<html>Please log in to the hotel's network</html>"
    assert_failed(ml_100k(publisher), cached, "are no zip: a web page")


def test_the_servers_refusal_is_reported(publisher, cached):
    publisher.status = 404
    assert_failed(ml_100k(publisher), cached, "the publisher: the server answered 404")


def test_a_server_that_says_nothing_is_left_soon(publisher, cached, monkeypatch):
    publisher.pause = 1
    monkeypatch.setattr(download, "_SECONDS", (0.1, 0.1))
    assert_failed(ml_100k(publisher), cached, "the publisher: no answer in time")


def test_a_full_disk_is_reported_and_nothing_is_left(publisher, cached, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("recbench_movielens.unpack.shutil.copyfileobj", full)
    assert_failed(ml_100k(publisher), cached, "cannot be written (No space left on device)")


def test_an_interrupt_leaves_nothing(publisher, cached, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("recbench_movielens.unpack.shutil.copyfileobj", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ml_100k(publisher)()
    assert not list(cached.iterdir())


def test_a_cache_that_cannot_be_written_is_reported(publisher, cached):
    cached.write_text("in the way")
    with pytest.raises(recbench.RecbenchError, match="the cache cannot be written"):
        ml_100k(publisher)()


def test_without_the_publisher_pip_is_asked(publisher, cached, monkeypatch):
    published = ml_100k(publisher)()
    for file in (cached / "ml-100k").iterdir():
        file.unlink()
    monkeypatch.setattr(subprocess, "run", pip(WHEEL))
    dataset = ml_100k()()
    assert dataset.fingerprint() == published.fingerprint()
    assert titles(dataset) == titles(published)
    assert dataset.source == "pip's package index, the copy in recbole==1.2.1"
    assert dataset.sha256 == sha256(INTER)
    assert remarks(dataset) == []
    monkeypatch.setattr(subprocess, "run", pip(error="gone"))
    assert ml_100k()().source == dataset.source  # out of the cache
    names = ["ml-100k", "ml-100k.inter", "ml-100k.item"]
    assert sorted(one.name for one in cached.rglob("*")) == names


def test_a_wheel_with_other_content_is_refused(cached, monkeypatch):
    monkeypatch.setattr(subprocess, "run", pip({**WHEEL, f"{IN_WHEEL}/ml-100k.item": "other"}))
    assert_failed(ml_100k(), cached, "ml-100k.item of recbole==1.2.1 is not the one")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("WARNING: x\nERROR: No matching distribution found\n", "pip said: No matching distri"),
        ("/usr/bin/python: No module named pip", "this Python has no pip"),
        ("", "pip said: nothing"),
    ],
)
def test_when_everything_fails_each_reason_is_told(cached, monkeypatch, said, words):
    monkeypatch.setattr(subprocess, "run", pip(error=said))
    assert_failed(
        ml_100k(),
        cached,
        "the folder of data: none is given",
        "the cache: it has none",
        "the publisher: it cannot be reached",
        "pip's package index: " + words,
        "FOLDER/ml-100k/u.data",
    )


def test_a_pip_that_hangs_is_left(cached, monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    assert_failed(ml_100k(), cached, "pip took too long")


def test_only_ml_100k_has_a_copy_in_a_package():
    assert [one.name for one in plugin.MOVIELENS if one.wheel] == ["ml-100k"]


def test_the_users_folder_comes_first(publisher, tmp_path, monkeypatch):
    ml_100k(publisher)()
    write(tmp_path / "mine" / "ml-100k", u_data=UDATA, u_item=UITEM.encode("latin-1"))
    write(tmp_path / "other" / "ml-100k", u_data="1\t2\t3\t4\n")
    monkeypatch.setenv("RECBENCH_DATA", str(tmp_path / "other"))
    mine = build("dataset", ml_100k(publisher), {"data_dir": str(tmp_path / "mine")})
    assert mine.source == "ml-100k/u.data in the user's folder of data"
    assert titles(mine) == TITLES
    other = ml_100k(publisher)()
    assert other.interactions.n_interactions == 1
    assert publisher.asked == 1


def test_a_file_that_is_not_the_published_one_is_used_and_noted(tmp_path):
    write(tmp_path / "ml-100k", u_data="1\t2\t3\t4\n")
    dataset = ml_100k()(data_dir=str(tmp_path))
    assert dataset.titles is None
    assert remarks(dataset) == [
        "There are no titles, for there is no u.item.",
        "u.data differs from the published file and is used as it is.",
    ]


def test_a_folder_without_this_dataset_is_passed_over(publisher, tmp_path):
    write(tmp_path / "ml-1m", ratings_dat="1::1::5::1\n")
    assert ml_100k(publisher)(data_dir=str(tmp_path)).source == publisher.address


@pytest.mark.parametrize("by", ["--data-dir", "RECBENCH_DATA"])
def test_a_folder_that_does_not_exist_is_wrong_use(publisher, tmp_path, monkeypatch, by):
    nowhere = str(tmp_path / "nowhere")
    monkeypatch.setenv("RECBENCH_DATA", nowhere if by == "RECBENCH_DATA" else "")
    with pytest.raises(recbench.UsageError, match=f"{by} names a folder that does not exist"):
        ml_100k(publisher)(data_dir=nowhere if by == "--data-dir" else None)
    assert publisher.asked == 0


def test_is_here_looks_in_the_folder_and_in_the_cache(publisher, tmp_path, monkeypatch):
    dataset = ml_100k(publisher)
    assert not dataset.is_here(None)
    assert not dataset.is_here(str(tmp_path / "nowhere"))
    write(tmp_path / "mine" / "ml-100k", u_data=UDATA)
    assert dataset.is_here(str(tmp_path / "mine"))
    monkeypatch.setenv("RECBENCH_DATA", str(tmp_path / "mine"))
    assert dataset.is_here(None)
    monkeypatch.delenv("RECBENCH_DATA")
    dataset()
    assert dataset.is_here(None)


def test_the_layout_of_1m(tmp_path):
    write(
        tmp_path / "ml-1m",
        ratings_dat="1::1193::5::978300760\n1::661::3::978300760\n2::3::1::978298413\n",
        movies_dat=(
            "3::Grumpier Old Men (1995)::Comedy\n"
            "661::Misérables: Les, 1 (1995)::Drama|War\n"
            "1193::One Flew\x85Over (1975)::Drama\n"
        ).encode("latin-1"),
    )
    dataset = plugin.recbench_datasets()["ml-1m"](data_dir=str(tmp_path))
    assert titles(dataset) == {
        3: "Grumpier Old Men (1995)",
        661: "Misérables: Les, 1 (1995)",
        1193: "One Flew\x85Over (1975)",
    }
    assert dataset.item_ids[dataset.interactions.items].tolist() == [1193, 661, 3]
    assert dataset.interactions.ratings.tolist() == [5, 3, 1]
    assert "holds 3 ratings where the published file has 1,000,209" in dataset.notes[-1]


@pytest.mark.parametrize("name", ["ml-latest-small", "ml-20m", "ml-25m", "ml-32m"])
def test_the_layout_of_the_newer_ones(tmp_path, name):
    write(
        tmp_path / name,
        ratings_csv="userId,movieId,rating,timestamp\r\n7,11,4.5,1\r\n7,999999,0.5,1\r\n9,5,3.0,2\r\n",
        movies_csv=(
            "movieId,title,genres\r\n"
            '11,"American President, The (1995)",Comedy|Drama\r\n'
            '999999,"""Amélie"" (2001) ",(no genres listed)\r\n'
            "12,Never rated (1995),Drama\r\n"
        ),
    )
    dataset = plugin.recbench_datasets()[name](data_dir=str(tmp_path))
    assert titles(dataset) == {
        5: "",
        11: "American President, The (1995)",
        999999: '"Amélie" (2001)',
    }
    assert dataset.item_ids[dataset.interactions.items].tolist() == [11, 999999, 5]
    assert dataset.interactions.ratings.tolist() == [4.5, 0.5, 3.0]
    assert dataset.user_ids.tolist() == [7, 9]
    assert ("used as it is" in " ".join(dataset.notes)) == (name != "ml-latest-small")


@pytest.mark.parametrize("broken", [b"no bars here\n", b"movieId\n1\n"])
def test_titles_that_cannot_be_read_are_an_error(tmp_path, broken):
    write(tmp_path / "ml-100k", u_data=UDATA, u_item=broken)
    with pytest.raises(recbench.RecbenchError, match=r"u\.item cannot be read as titles"):
        ml_100k()(data_dir=str(tmp_path))


def test_progress_counts_every_byte_once(publisher, monkeypatch):
    made = []

    class Watched(recbench.Progress):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr(recbench, "Progress", Watched)
    ml_100k(publisher)()
    assert [(one.label, one.unit, one.done, one.total) for one in made] == [
        ("ml-100k", "byte", len(publisher.body), len(publisher.body))
    ]


@pytest.mark.skipif(not Path(REAL, "ml-100k").is_dir(), reason="RECBENCH_DATA has no ml-100k")
def test_the_real_ml_100k():
    dataset = plugin.recbench_datasets()["ml-100k"](data_dir=REAL)
    log = dataset.interactions
    assert (log.n_users, log.n_items, log.n_interactions) == (943, 1682, 100_000)
    assert dataset.title(dataset.item("1")) == "Toy Story (1995)"
    assert dataset.title(dataset.item("267")) == "unknown"
    assert dataset.sha256 == layouts.UDATA.sha256
    assert remarks(dataset) == []
    assert all(dataset.titles)


@pytest.mark.skipif(not os.environ.get("RECBENCH_TEST_PIP"), reason="RECBENCH_TEST_PIP is not set")
def test_the_real_copy_through_pip(monkeypatch):
    monkeypatch.setattr(subprocess, "run", REAL_RUN)
    known = plugin.recbench_datasets()["ml-100k"]
    copy = dataclasses.replace(known, archive=Archive("http://127.0.0.1:9/ml-100k.zip", 1))()
    assert copy.interactions.n_interactions == 100_000
    assert copy.title(copy.item("1")) == "Toy Story (1995)"
    if Path(REAL, "ml-100k").is_dir():
        published = known(data_dir=REAL)
        assert copy.fingerprint() == published.fingerprint()
        assert titles(copy) == titles(published)
