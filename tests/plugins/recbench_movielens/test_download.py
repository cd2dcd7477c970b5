"""MovieLens: downloads from the publisher and with pip, and rejected downloads."""

import dataclasses
import errno
import os
import subprocess
from pathlib import Path

import pytest
from made_movielens import (
    IN_WHEEL,
    INTER,
    PUBLISHED,
    UDATA,
    UNREACHABLE,
    WHEEL,
    files_in,
    known,
    ml_100k,
    own_notes,
    pip,
    sha256,
    titles,
    unchecked,
    zipped,
)

import recbench
from recbench_movielens import download
from recbench_movielens.download import PublishedZip

REAL = os.environ.get("RECBENCH_DATA") or "no folder of data"
REAL_RUN = subprocess.run


def test_a_wrong_checksum_is_refused(publisher, assert_failed):
    publisher.body = zipped({**PUBLISHED, "ml-100k/u.data": UDATA + UDATA})
    assert_failed(
        ml_100k(publisher),
        "the publisher: the zip was rejected because its sha256 is not the published",
    )


def test_an_md5_checksum_is_checked(publisher, assert_failed):
    archive = dataclasses.replace(ml_100k(publisher).archive, checksum="md5:" + "0" * 32)
    assert_failed(ml_100k(publisher, archive=archive), "its md5 is not the published")


def test_an_interrupted_download_is_refused(publisher, assert_failed):
    publisher.announced = len(publisher.body)
    publisher.body = publisher.body[:200]
    assert_failed(ml_100k(publisher), "the publisher: the download was interrupted")


def test_a_truncated_zip_is_refused_even_without_a_checksum(publisher, assert_failed):
    publisher.body = publisher.body[:200]
    assert_failed(unchecked(publisher), "200 bytes received are not a zip")


def test_a_web_page_instead_of_the_zip_is_refused(publisher, assert_failed):
    publisher.body = b"<html>Please log in to the hotel's network</html>"
    assert_failed(ml_100k(publisher), "are not a zip, but a web page")


def test_more_bytes_than_published_are_refused(publisher, assert_failed):
    dataset = unchecked(publisher)
    publisher.body = publisher.body * 3
    assert_failed(dataset, "more than twice the", "bytes of the published zip were received")


def test_an_invalid_certificate_is_reported(publisher, assert_failed):
    secure = publisher.address.replace("http:", "https:")
    archive = dataclasses.replace(ml_100k(publisher).archive, origin=secure)
    assert_failed(
        ml_100k(publisher, archive=archive), "the publisher: its certificate is not valid"
    )


def test_an_http_error_is_reported(publisher, assert_failed):
    publisher.status = 404
    assert_failed(ml_100k(publisher), "the publisher: the server answered with status 404")


def test_a_server_that_does_not_answer_times_out(publisher, assert_failed, monkeypatch):
    publisher.pause = 1
    monkeypatch.setattr(download, "_HTTP_SECONDS", (0.1, 0.1))
    assert_failed(ml_100k(publisher), "the publisher: the server did not answer in time")


def test_a_full_disk_is_reported(publisher, assert_failed, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download._CountedFile, "write", full)
    assert_failed(ml_100k(publisher), "cannot be written (No space left on device)")


def test_progress_counts_every_byte_once(publisher, monkeypatch):
    made = []

    class Recorded(recbench.Progress):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr(recbench, "Progress", Recorded)
    ml_100k(publisher)()
    assert [(bar.label, bar.unit, bar.done, bar.total) for bar in made] == [
        ("ml-100k", "byte", len(publisher.body), len(publisher.body))
    ]


def test_only_recbench_reports_downloads(publisher, capsys):
    ml_100k(publisher)()
    unchecked(publisher)()
    assert capsys.readouterr() == ("", "")


def test_without_the_publisher_the_copy_from_pip_is_used(publisher, cached, monkeypatch):
    published = ml_100k(publisher)()
    (cached / "ml-100k" / "ml-100k.zip").unlink()
    monkeypatch.setattr(subprocess, "run", pip(WHEEL))
    dataset = ml_100k()()
    assert dataset.fingerprint() == published.fingerprint()
    assert titles(dataset) == titles(published)
    assert dataset.source == "pip's package index, the copy in recbole==1.2.1"
    assert dataset.sha256 == sha256(INTER)
    assert own_notes(dataset) == []
    monkeypatch.setattr(subprocess, "run", pip(error="gone"))
    assert ml_100k()().source == dataset.source  # from the cache
    assert [path for path in files_in(cached / "ml-100k") if "recbole" in path] == [
        "recbole==1.2.1.whl",
        *(f"recbole==1.2.1.whl.unzip/{member}" for member in WHEEL),
    ]


def test_a_wheel_with_other_content_is_refused(assert_failed, monkeypatch):
    monkeypatch.setattr(subprocess, "run", pip({**WHEEL, f"{IN_WHEEL}/ml-100k.item": "other"}))
    assert_failed(ml_100k(), "ml-100k.item in recbole==1.2.1 was rejected because its sha256")


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ("WARNING: x\nERROR: No matching distribution found\n", "pip failed: No matching distri"),
        ("/usr/bin/python: No module named pip", "this Python has no pip"),
        ("", "pip failed: no reason given"),
    ],
)
def test_if_all_sources_fail_each_reason_is_listed(assert_failed, monkeypatch, stderr, words):
    monkeypatch.setattr(subprocess, "run", pip(error=stderr))
    assert_failed(
        ml_100k(),
        "data folder: not set (--data-dir or RECBENCH_DATA)",
        "the cache: not downloaded yet",
        "the publisher: it cannot be reached",
        "pip's package index: " + words,
        "FOLDER/ml-100k/u.data",
    )


def test_a_pip_that_downloads_no_wheel_is_an_error(assert_failed, monkeypatch):
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, "", "")
    )
    assert_failed(ml_100k(), "pip's package index: the zip is damaged")


def test_a_pip_that_hangs_times_out(assert_failed, monkeypatch):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    assert_failed(ml_100k(), "pip did not finish within")


@pytest.mark.skipif(not os.environ.get("RECBENCH_TEST_PIP"), reason="RECBENCH_TEST_PIP is not set")
def test_the_real_copy_through_pip(monkeypatch):
    monkeypatch.setattr(subprocess, "run", REAL_RUN)
    real = known("ml-100k")
    archive = PublishedZip(real.archive.layout, UNREACHABLE, 1, "")
    copy = dataclasses.replace(real, archive=archive)()
    assert copy.interactions.n_interactions == 100_000
    assert copy.title(copy.item("1")) == "Toy Story (1995)"
    if Path(REAL, "ml-100k").is_dir():
        published = real(data_dir=REAL)
        assert copy.fingerprint() == published.fingerprint()
        assert titles(copy) == titles(published)
