"""A tiny ml-100k for tests: its files, a local publisher, and a pip without a network."""

import contextlib
import dataclasses
import hashlib
import http.server
import io
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import recbench_movielens
from recbench_movielens import layouts
from recbench_movielens.download import PackagedCopy, PublishedZip

UDATA = "196\t242\t3\t881250949\n186\t302\t4\t891717742\n196\t302\t5\t881250949\n22\t377\t1\t5\n"
UITEM = (
    "242|Kolya (1996)|24-Jan-1997||http://x|0|1\n"
    "302|L.A. Confidential (1997) |01-Jan-1997||http://x|0|1\n"
    "377|Misérables, Les (1995)|01-Jan-1995||http://x|0|1\n"
    "999|Never rated (1990)|01-Jan-1990||http://x|0|1\n"
).encode("latin-1")
UUSER = "22|25|M|writer|40206\n186|39|F|executive|00000\n943|22|M|student|77841\n"
INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + UDATA
ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "242\tKolya\t1996\tComedy\n"
    "302\tL.A. Confidential\t1997\tCrime Film-Noir\n"
    "377\tMisérables, Les\t1995\tDrama\n"
    "999\tunkonwn\tunkonwn\tunkonwn\n"
)
USER = "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n" + UUSER.replace(
    "|", "\t"
)
TITLES = {242: "Kolya (1996)", 302: "L.A. Confidential (1997)", 377: "Misérables, Les (1995)"}
PUBLISHED = {
    "ml-100k/": "",
    "ml-100k/u.data": UDATA,
    "ml-100k/u.item": UITEM,
    "ml-100k/u.user": UUSER,
    "ml-100k/allbut.pl": "never unpacked",
}
IN_WHEEL = "recbole/dataset_example/ml-100k"
WHEEL = {
    f"{IN_WHEEL}/ml-100k.inter": INTER,
    f"{IN_WHEEL}/ml-100k.item": ITEM,
    f"{IN_WHEEL}/ml-100k.user": USER,
}
UNREACHABLE = "http://127.0.0.1:9/ml-100k.zip"


def sha256(content):
    content = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(content).hexdigest()


def zipped(members):
    """Return a reproducible zip of these members: names, or ZipInfo, and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


class Publisher:
    """A local server that always gives the same answer and counts requests."""

    def __init__(self):
        self.body, self.status, self.announced, self.n_requests, self.pause = b"", 200, None, 0, 0
        publisher = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                publisher.n_requests += 1
                time.sleep(publisher.pause)
                self.send_response(publisher.status)
                self.send_header("Content-Length", publisher.announced or len(publisher.body))
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


def pip(members=None, error=""):
    """Return a pip that downloads a wheel of these members, or fails with this error."""

    def run(command, **_):
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        assert "--no-deps" in command
        if members is not None:
            folder = Path(command[command.index("--dest") + 1])
            (folder / "recbole-1.2.1-py3-none-any.whl").write_bytes(zipped(members))
        return subprocess.CompletedProcess(command, 0 if members else 1, "", error)

    return run


def known(name):
    """Return the MovieLens dataset of this name, as the plugin provides it."""
    return {dataset.name: dataset for dataset in recbench_movielens.MOVIELENS}[name]


def ml_100k(publisher=None, **changes):
    """Return the tiny ml-100k, published there or at an address that cannot be reached."""
    udata = dataclasses.replace(layouts.UDATA, sha256=sha256(UDATA))
    inter = dataclasses.replace(
        layouts.INTER,
        sha256=sha256(INTER),
        films_sha256=sha256(ITEM),
        people_sha256=sha256(USER),
    )
    address = publisher.address if publisher else UNREACHABLE
    size = len(publisher.body) if publisher else 0
    made = dataclasses.replace(
        known("ml-100k"),
        counts=(3, 3, 4),
        archive=PublishedZip(udata, address, size, "sha256:" + sha256(zipped(PUBLISHED))),
        copy=PackagedCopy(inter, "recbole==1.2.1", IN_WHEEL),
    )
    return dataclasses.replace(made, **changes)


def unchecked(publisher):
    """Return the tiny ml-100k without a published checksum."""
    archive = dataclasses.replace(ml_100k(publisher).archive, checksum="")
    return ml_100k(publisher, archive=archive)


def titles(dataset):
    return dict(zip(dataset.item_ids.tolist(), dataset.titles.tolist(), strict=True))


def own_notes(dataset):
    """Return the notes of this plugin, without those of the plugin that reads the file."""
    return [note for note in dataset.notes if "titles" in note or "used as it is" in note]


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )


def files_in(folder):
    """Return the paths of all files in a folder and its sub-folders."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in paths)
