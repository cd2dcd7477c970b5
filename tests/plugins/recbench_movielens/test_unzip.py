"""MovieLens: unpacking untrusted zips, and interruptions while unpacking."""

import errno
import os
import subprocess
import sys
import tempfile
import zipfile

import pytest
from made_movielens import PUBLISHED, TITLES, UDATA, files_in, ml_100k, titles, unchecked, zipped

import recbench
from recbench_movielens.unzip import GuardedUnzip

UNPACKED = "ml-100k.zip.unzip/ml-100k"
COMPLETE = ["ml-100k.zip", f"{UNPACKED}/u.data", f"{UNPACKED}/u.item"]


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    "member", ["../evil", "ml-100k/../../evil", "/evil", "C:/evil", "ml-100k\\..\\..\\evil"]
)
def test_a_zip_that_writes_outside_its_folder_is_refused(publisher, assert_failed, member):
    publisher.body = zipped({**PUBLISHED, member: "evil"})
    assert_failed(unchecked(publisher), "rejected", repr(member))


def test_a_zip_with_a_link_is_refused(publisher, assert_failed):
    publisher.body = zipped({**PUBLISHED, link("ml-100k/link"): "/etc/passwd"})
    assert_failed(unchecked(publisher), "rejected", "'ml-100k/link'")


def test_a_zip_without_the_ratings_is_refused(publisher, assert_failed):
    publisher.body = zipped({"ml-100k/u.item": "x"})
    assert_failed(unchecked(publisher), "the zip does not contain ml-100k/u.data")


def test_a_zip_with_a_damaged_member_is_refused(publisher, assert_failed):
    body = bytearray(publisher.body)
    body[body.index(b"ml-100k/u.data") + 20] ^= 0xFF
    publisher.body = bytes(body)
    assert_failed(unchecked(publisher), "the zip is damaged")


def test_a_zip_with_other_ratings_is_refused(publisher, assert_failed):
    publisher.body = zipped({**PUBLISHED, "ml-100k/u.data": UDATA + UDATA})
    assert_failed(unchecked(publisher), "u.data in ml-100k was rejected")


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("failure", "error", "words"),
    [
        (full, recbench.RecbenchError, r"cannot be written \(No space left on device\)"),
        (interrupted, KeyboardInterrupt, None),
    ],
)
def test_a_full_disk_or_an_interrupt_leaves_only_the_complete_zip(
    publisher, cached, monkeypatch, failure, error, words
):
    with monkeypatch.context() as patched:
        patched.setattr("zipfile.shutil.copyfileobj", failure)
        with pytest.raises(error, match=words):
            ml_100k(publisher)()
    assert files_in(cached / "ml-100k") == ["ml-100k.zip"]
    publisher.status = 503
    assert titles(ml_100k(publisher)()) == TITLES


KILLED = """
import os, pooch, shutil, sys
sys.path[:0] = {path!r}
from recbench_movielens import sources
from made_movielens import ml_100k
import types

def half(source, target, *_):
    target.write(source.read(20))
    target.flush()
    os._exit(9)

def half_a_download(self, url, file, pooch):
    file.write(b"PK half of it")
    file.flush()
    os._exit(9)

if {moment!r} == "unpacking":
    shutil.copyfileobj = half
else:
    pooch.HTTPDownloader.__call__ = half_a_download
sources.cache_folder = lambda name: sources.Path({cached!r}) / name
publisher = types.SimpleNamespace(address={address!r}, body=bytes(10_000))
ml_100k(publisher)()
"""


@pytest.mark.parametrize("moment", ["downloading", "unpacking"])
def test_a_kill_leaves_no_partial_file_that_is_used_later(publisher, cached, moment):
    code = KILLED.format(
        path=sys.path, moment=moment, cached=str(cached), address=publisher.address
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        assert process.wait() == 9
    names = [path for path in files_in(cached / "ml-100k") if not path.startswith("tmp")]
    assert names == (["ml-100k.zip"] if moment == "unpacking" else [])
    assert any(path.name.startswith("tmp") for path in (cached / "ml-100k").iterdir())
    assert titles(ml_100k(publisher)()) == TITLES


@pytest.mark.parametrize("damage", [b"", UDATA.encode()[:-1], UDATA.replace("3", "4").encode()])
def test_a_damaged_file_is_unpacked_again(publisher, cached, damage):
    expected = unchecked(publisher)().fingerprint()
    (cached / "ml-100k" / UNPACKED / "u.data").write_bytes(damage)
    assert unchecked(publisher)().fingerprint() == expected
    (cached / "ml-100k" / UNPACKED / "u.item").unlink()
    assert titles(unchecked(publisher)()) == TITLES
    assert publisher.n_requests == 1


def test_complete_files_are_not_written_again(tmp_path, monkeypatch):
    archive = tmp_path / "ml-100k.zip"
    archive.write_bytes(zipped(PUBLISHED))
    members = {"ml-100k/u.data": "", "ml-100k/u.item": ""}
    files = GuardedUnzip(members)(str(archive), "download", None)
    assert files == [tmp_path / name for name in COMPLETE[1:]]
    assert files_in(tmp_path) == COMPLETE
    monkeypatch.setattr("zipfile.shutil.copyfileobj", full)
    for action in ("fetch", "update", "download"):
        assert GuardedUnzip(members)(str(archive), action, None) == files


def test_a_complete_cache_is_only_read(publisher, monkeypatch):
    def refused(*_, **__):
        raise PermissionError

    expected = ml_100k(publisher)().fingerprint()
    for function in ("NamedTemporaryFile", "TemporaryDirectory", "mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, function, refused)
    monkeypatch.setattr(os, "makedirs", refused)
    assert ml_100k(publisher)().fingerprint() == expected
