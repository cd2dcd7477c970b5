"""The command line: exit codes, stdout, stderr and error messages."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import install

from recbench import load_plugins, metric_label
from recbench.cli.group import cli
from recbench.cli.main import main


def _recbench(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(args)
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def _measured() -> set[str]:
    """Return the metrics of data without columns: calibration needs categories of items."""
    return set(load_plugins().metrics()) - {"calibration"}


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs recbench and returns its exit code, stdout and stderr."""
    return lambda *args: _recbench(capsys, *args)


def test_run_prints_a_table_and_keeps_results(call: Any, tiny: str) -> None:
    code, out, err = call("run", "popular", "random", "--dataset", tiny, "--k", "1,3")
    assert code == 0
    assert "NDCG@1" in out
    assert "popular: fitting on tiny.csv" in err
    assert len(list(Path("results").rglob("[!.]*.json"))) == 2
    code, again, err = call("run", "popular", "random", "--dataset", tiny, "--k", "1,3")
    assert "using the stored result (run --force runs it again)" in err
    assert again == out


def test_run_shows_a_table_for_each_dataset(call: Any, tiny: str) -> None:
    small = "synthetic:users=20,items=30,interactions=200"
    code, out, _ = call("run", "popular", "--dataset", tiny, "--dataset", small, "-v", "-v")
    assert code == 0
    assert [line for line in out.splitlines() if line.endswith(", leave-last-out")] == [
        "tiny.csv, leave-last-out",
        "synthetic, leave-last-out",
    ]


def test_table_shows_all_stored_results(call: Any, tiny: str) -> None:
    call("run", "popular", "--dataset", tiny)
    call("run", "popular", "--dataset", tiny, "--split", "windows:length=3")
    code, out, _ = call("table")
    assert code == 0
    assert out.count("NDCG@10") == 2


def test_output_format_follows_the_file_name(call: Any, tiny: str) -> None:
    code, out, _ = call("run", "popular", "--dataset", tiny, "-o", "table.md")
    assert code == 0
    assert Path("table.md").read_text() == out
    assert out.startswith("### tiny.csv")
    code, out, _ = call("table", "--format", "csv", "-o", "table.txt")
    assert Path("table.txt").read_text() == out
    assert out.startswith("model,dataset,split,seed,users,metric,k,value,stderr,")
    assert out.splitlines()[0].endswith(",status,remark")


def test_a_failed_model_exits_with_code_1(call: Any, tiny: str) -> None:
    bare = Path("bare.csv")
    bare.write_text("user,item,time\na,x,1\na,y,2\nb,x,1\nb,y,2\n")
    code, out, err = call("run", "popular:rule=rated", "popular", "--dataset", str(bare))
    assert code == 1
    assert "failed" in out
    assert "needs ratings" in err


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["run"], 2, "name at least one model"),
        (["run", "populr"], 2, "did you mean 'popular'?"),
        (["run", "popular", "--k", "x"], 2, "'x' is not a list of whole numbers. Separate them"),
        (["run", "popular", "--k", "3", "5", "10"], 2, "'5' is not a model. Separate several"),
        (["run", "popular", "--k", "0,3"], 2, "--k must be 1 or more, not 0"),
        (["run", "popular", "--dataset", "gone.csv"], 2, "there is no dataset or file 'gone.csv'"),
        (["run", "popular", "--format", "xml"], 2, "no table 'xml'"),
        (["run", "popular", "-o", "no/folder/t.md"], 2, "cannot write -o no/folder/t.md"),
        (["table", "--results", "empty"], 1, "no results are stored in empty"),
        (["recommend", "popular"], 2, "name a user"),
        (["explain", "popular"], 2, "name a user"),
        (["explain", "popular", "-o", "no/folder/p.png"], 2, "cannot write -o no/folder/p.png"),
        (
            ["explain", "popular", "-o", "picture.doc"],
            2,
            "picture.doc: it has the suffix .doc. Use .png,",
        ),
        (["models", "zzz"], 2, "no model 'zzz'"),
        (
            ["selfcheck", "--dataset", "synthetic", "--dataset", "ml-100k"],
            2,
            "--dataset is given more than once; give it once",
        ),
        (
            ["run", "popular", "--k", "3", "--k", "5"],
            2,
            "--k is given more than once; give it once, as --k K,K,...",
        ),
        (["nonsense"], 2, "no such command 'nonsense'"),
        (["run", "transformer:dim=9,heads=2"], 2, "dim=9 must be a multiple of 4 (2 x heads"),
        (
            ["run", "transformer", "--device", "abacus"],
            2,
            "no device 'abacus'; choose auto, cpu",
        ),
    ],
)
def test_errors_are_short_and_say_what_to_do(
    call: Any, args: list[str], code: int, message: str
) -> None:
    exit_code, out, err = call(*args)
    assert exit_code == code
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(call: Any) -> None:
    code, _, err = call("run", "popular", "--dataset", "gone.csv", "--debug")
    assert code == 2
    assert "Traceback" in err


@pytest.mark.parametrize(
    "kind", ["models", "datasets", "splitters", "metrics", "executors", "trackers"]
)
def test_listings(call: Any, kind: str) -> None:
    code, out, _ = call(kind)
    assert code == 0
    known = {
        "models": "popular",
        "datasets": "ml-100k",
        "splitters": "windows",
        "metrics": "ndcg",
        "executors": "dask",
        "trackers": "mlflow",
    }
    assert known[kind] in out
    code, out, _ = call(kind, known[kind])
    assert code == 0
    assert len(out.splitlines()) > 2


def test_the_listing_of_a_file_with_executors_and_trackers(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    hook = "@recbench.hookimpl\n{}def recbench_all_finished({}results): ...\n"
    path.write_text(f"import recbench\nclass Mine:\n  {hook.format('  ', 'self, ')}")
    assert "mine.py:Mine:OPTION=VALUE" not in call("trackers", str(path))[1]
    assert "tracker Mine (plugin mine.py 0)" in call("trackers", str(path))[1]
    path.write_text(f"import recbench\n{hook.format('', '')}")
    assert call("trackers", str(path))[1] == f"{path} has event hooks, which have no options\n"
    path.write_text("def threads(workers: int = 2): ...\n")
    shown = " ".join(call("executors", str(path))[1].split())
    assert "executor threads (plugin mine.py 0)" in shown
    assert f"write {path}:threads:OPTION=VALUE" in shown


def test_the_listing_of_one_name_shows_its_options(call: Any) -> None:
    _, out, _ = call("splitters", "windows")
    assert re.search(r"^length +int +4  ", out, re.MULTILINE)
    assert re.search(r"^test +float +0\.15  ", out, re.MULTILINE)
    _, out, _ = call("datasets", "ml-100k")
    assert "Every dataset" in out
    assert re.search(r"^  time_ties +\S.* +file  ", out, re.MULTILINE)


TUNED = """
import recbench

class {name}:
    option_groups = {{"other": ("limit",)}}
    option_aliases = {{"lambda": "l2"}}
    search_space = {space}

    def __init__(self, l2: float = 500.0, limit: int = 9):
        self.l2 = l2

    def fit(self, train):
        return self

    def score(self, history):
        return [[self.l2] * history.n_items] * len(history)
"""


def test_the_listing_of_a_model_shows_what_it_is_tuned_over(call: Any, tmp_path: Path) -> None:
    tuned, plain = tmp_path / "tuned.py", tmp_path / "plain.py"
    tuned.write_text(TUNED.format(name="Tuned", space="{'l2': recbench.Float(1, 2000, log=True)}"))
    plain.write_text(TUNED.format(name="Plain", space="{}"))
    _, out, _ = call("models", str(tuned))
    assert re.search(r"^option +type +default +tuned over +what it does$", out, re.MULTILINE)
    assert re.search(r"^l2 +float +500\.0 +1\.\.2000:log +Also called lambda\.$", out, re.MULTILINE)
    assert re.search(r"^  limit +int +9$", out, re.MULTILINE)
    _, out, _ = call("models", str(plain))
    assert re.search(r"^option +type +default +what it does$", out, re.MULTILINE)


def test_plugins_are_listed_as_text_and_as_json(call: Any) -> None:
    code, out, _ = call("plugins")
    assert code == 0
    assert "models: random" in out
    code, out, _ = call("plugins", "--json")
    listed = json.loads(out)
    plugins = {info["name"]: info for info in listed["plugins"]}
    assert plugins["random"]["gives"] == {"models": ["random"]}
    assert plugins["random"]["hooks"] == ["recbench_models"]
    assert plugins["random"]["broken"] is None
    assert listed["hooks"]["recbench_tables"] == ["tables"]
    assert listed["hooks"]["recbench_run_finished"] == listed["left_out"] == []


def test_plugins_shows_who_answers_each_hook_and_what_limits_them(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import recbench\n@recbench.hookimpl\ndef recbench_run_finished(result): ...\n"
    monkeypatch.syspath_prepend(install(tmp_path / "site", tells=source))
    _, out, _ = call("plugins")
    assert re.search(r"^tells +1\.0 +a tracker$", out, re.MULTILINE)
    assert re.search(r"^recbench_run_finished +tells$", out, re.MULTILINE)
    assert re.search(r"^recbench_datasets +files, movielens, synthetic$", out, re.MULTILINE)
    assert "limits" not in out
    monkeypatch.setenv("RECBENCH_PLUGINS", "tells, random")
    _, out, _ = call("plugins")
    assert re.search(r"^recbench_models +random$", out, re.MULTILINE)
    assert re.search(r"^recbench_datasets +no plugin$", out, re.MULTILINE)
    assert "RECBENCH_PLUGINS=tells, random limits the plugins. Not loaded: dask, " in out.replace(
        "\n", " "
    )
    _, out, _ = call("plugins", "--json")
    assert "popular" in json.loads(out)["left_out"]
    monkeypatch.setenv("RECBENCH_PLUGINS", "tels")
    code, _, err = call("plugins")
    assert code == 2
    assert "RECBENCH_PLUGINS=tels: there is no plugin 'tels'; installed: dask, " in err


def test_options_of_metrics_are_listed(call: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def found(ranking, k, weight: float = 2):\n    'Mine.'\n    return weight\n"
    )
    _, out, _ = call("metrics", f"{tmp_path / 'mine.py'}:found")
    assert out.startswith("metric found (plugin mine.py 0)\n\nMine.\n")
    assert re.search(r"^weight +float +2$", out, re.MULTILINE)
    assert f"write {tmp_path / 'mine.py'}:found:OPTION=VALUE" in out
    assert call("metrics", f"{tmp_path / 'mine.py'}:found:weight=1|3")[1] == out
    _, out, _ = call("metrics", "ndcg")
    assert "Higher values are better.\n\nIt has no options." in out
    _, out, _ = call("metrics", "calibration")
    assert "Lower values are better.\n\nTo set options, write calibration:OPTION" in out


def test_descriptions_fit_a_narrow_terminal(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = call("models", "ease")[1]
    for module in ("recbench.report.text", "recbench.cli.listings"):
        monkeypatch.setattr(f"{module}.terminal", lambda: 60)
    narrow = call("models", "ease")[1]
    assert max(map(len, wide.splitlines())) > 90
    assert max(map(len, narrow.splitlines())) <= 60
    assert "Each item is predicted by a weighted sum" in narrow
    lists = call("models", "transformer")[1]
    assert "\n- ``sasrec``: SASRec with the softmax over the catalogue" in lists


def test_a_broken_plugin_exits_with_code_1_and_the_others_work(
    call: Any, monkeypatch: pytest.MonkeyPatch, tiny: str, tmp_path: Path
) -> None:
    source = "raise RuntimeError('sorry')\n"
    monkeypatch.syspath_prepend(install(tmp_path / "site", broken=source))
    code, out, _ = call("plugins")
    assert code == 1
    assert "BROKEN: RuntimeError: sorry" in out
    code, _, err = call("models")
    assert code == 0
    assert "plugin broken is broken; see: recbench plugins" in err
    code, _, _ = call("run", "popular", "--dataset", tiny)
    assert code == 0


def test_recommend_prints_history_and_recommendations(call: Any, tiny: str) -> None:
    code, out, err = call("recommend", "popular", "--dataset", tiny, "--user", "u1", "--k", "2")
    assert code == 0
    assert "The items of user u1 in tiny.csv, oldest first" in out
    assert "2 recommendations by popular (split leave-last-out), trained now in " in out
    assert "there is no stored model: training" in err
    code, out, _ = call("recommend", "popular", "--dataset", tiny, "--items", "i1, i2")
    assert "The items of the given history" in out


def test_explain_prints_the_weights_and_draws_a_picture(
    call: Any, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "import numpy as np, recbench\n"
        "class Last:\n"
        "    def fit(self, train): return self\n"
        "    def score(self, history):\n"
        "        last = history.items[history.offsets[1:] - 1]\n"
        "        return -np.abs(np.arange(history.n_items) - last[:, None]).astype(float)\n"
        "    def explain(self, history, items):\n"
        "        'The last interaction only.'\n"
        "        weights = np.zeros((len(items), history.n_interactions))\n"
        "        weights[:, -1] = self.score(history)[0, items]\n"
        "        return weights\n"
        "@recbench.hookimpl\n"
        "def recbench_models(): return {'last': Last}\n"
    )
    monkeypatch.syspath_prepend(install(tmp_path / "site", last_model=source))
    explain_args = ("explain", "last", "--dataset", tiny, "--k", "2")
    code, out, _ = call(*explain_args, "--user", "u1", "-o", "picture.svg")
    assert code == 0
    assert (
        "2 recommendations for user u1 in tiny.csv by last (split leave-last-out), trained now in "
        in out
    )
    assert "The last interaction only." in out
    assert [line.split()[-1] for line in out.splitlines() if line[:1] in {"1", "2"}][1:] == [
        "i4"
    ] * 2
    assert Path("picture.svg").read_text().startswith("<?xml")
    monkeypatch.setattr(sys.modules["recbench.explain"], "heatmap", lambda *_, **__: 1 // 0)
    code, drawn, err = call(*explain_args, "--items", "i1, i4", "-o", "other.png")
    assert code == 1
    assert "the given history" in drawn
    assert "cannot make other.png: ZeroDivisionError" in err
    assert not Path("other.png").exists()


def test_explain_needs_a_model_with_a_method_explain(call: Any, tiny: str) -> None:
    code, out, err = call("explain", "popular", "--dataset", tiny, "--user", "u1")
    assert (code, out) == (2, "")
    assert "popular (plugin popular) cannot explain its recommendations" in err
    assert "recbench recommend popular" in err


def test_python_m_recbench_works_without_torch() -> None:
    for args in (["--help"], ["models"]):
        code = (
            "import sys, recbench.cli.main\n"
            f"try: recbench.cli.main.main({args})\n"
            "finally: print('torch' in sys.modules, file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0
        assert done.stderr == "False\n"
    done = subprocess.run([sys.executable, "-m", "recbench", "--version"], capture_output=True)
    assert done.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_ctrl_c_leaves_the_store_intact(tiny: str, tmp_path: Path) -> None:
    source = (
        "import time, recbench\n"
        "class Slow:\n"
        "    def fit(self, train): open('started', 'w').close(); time.sleep(60)\n"
        "    def score(self, history): pass\n"
        "@recbench.hookimpl\n"
        "def recbench_models(): return {'slow': Slow}\n"
    )
    command = [sys.executable, "-m", "recbench", "run", "popular", "slow", "--dataset", tiny]
    site = install(tmp_path / "site", slow_model=source)
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    running = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True
    )
    for _ in range(300):
        if Path("started").exists():
            break
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Interrupted. Finished results are stored; run the same command to continue." in err
    assert "Traceback" not in err
    (kept,) = Path("results").rglob("[!.]*.json")
    assert json.loads(kept.read_text())["status"] == "ok"


def test_output_of_plugins_does_not_reach_stdout(
    call: Any, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "import recbench\n"
        "print('noise')\n"
        "@recbench.hookimpl\n"
        "def recbench_run_finished(result): print('noise'); raise SystemExit(9)\n"
    )
    monkeypatch.syspath_prepend(install(tmp_path / "site", noisy_plugin=source))
    code, out, err = call("run", "popular", "--dataset", tiny, "--format", "json")
    assert code == 0
    assert len(json.loads(out)) == 3 * len(_measured())
    assert "noise" in err


def test_output_follows_symbolic_links(call: Any, tiny: str) -> None:
    Path("real.md").write_text("old")
    Path("link.md").symlink_to("real.md")
    code, out, _ = call("run", "popular", "--dataset", tiny, "-o", "link.md")
    assert code == 0
    assert Path("link.md").is_symlink()
    assert Path("real.md").read_text() == out


def test_table_reports_what_it_leaves_out_and_why(
    call: Any, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("run", "popular", "random", "--dataset", tiny, "--seeds", "0,1")
    with monkeypatch.context() as patch:
        patch.setattr("recbench.plugins.Offer.version_of", lambda *_: "edited")
        call("run", "random", "--dataset", tiny)
    (path,) = Path("results").glob("*/*/popular*.json")
    path.write_text(path.read_text().replace('"ok"', '"so"'))
    for form in ("plain", "markdown", "latex"):
        code, out, _ = call("table", "--format", form)
        assert code == 0
        text = " ".join(out.split())
        assert f"Left out: {path} was edited: its content" in text
        assert "Left out: 1 outdated result of random, made by another version" in text
        assert "popular " not in out.partition("Left out")[0]
    code, out, err = call("table", "--format", "csv")
    assert len(out.splitlines()) == 1 + 2 * 3 * len(_measured())
    assert "It is left out; run the model again" in err
    assert "left out: 1 outdated result of random" in err


def test_table_reports_results_of_other_protocols_that_it_leaves_out(
    call: Any, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("recbench.experiment.PROTOCOL", 1)
        call("run", "random", "popular", "--dataset", tiny)
    code, out, err = call("table")
    assert (code, out) == (1, "")
    assert "Left out: 2 results from version 1 of the evaluation rules" in err
    call("run", "popular", "--dataset", tiny)
    code, out, _ = call("table")
    assert code == 0
    assert out.count("NDCG@3") == 1
    assert "random" not in out.partition("Left out")[0]
    assert "Left out: 2 results from version 1 of the evaluation rules" in " ".join(out.split())


def test_run_accepts_several_seeds_and_splits(call: Any, tiny: str) -> None:
    code, out, _ = call(
        *("run", "random", "popular", "--dataset", tiny, "--seeds", "0,1,2"),
        *("--split", "windows:length=3,leave-last-out"),
    )
    assert code == 0
    titles = [line for line in out.splitlines() if line.startswith("tiny.csv, ")]
    assert titles == ["tiny.csv, windows:length=3", "tiny.csv, leave-last-out"]
    assert "±" in out
    assert "over seeds 0, 1, 2." in " ".join(out.split())
    assert len(list(Path("results").glob("*/*/*.json"))) == 8


def test_metrics_and_groups_are_shown(call: Any, tiny: str) -> None:
    call("run", "random", "popular", "--dataset", tiny)
    code, out, _ = call("table", "--metrics", "all", "--by", "history,popularity")
    assert code == 0
    assert "by popularity" in out
    for name in _measured():
        assert metric_label(name, 3) in out
    assert max(map(len, out.splitlines())) <= 130
    code, out, _ = call("table", "--metrics", "hit")
    assert "HR@3" in out
    assert call("table", "--metrics", "HR") == call("table", "--metrics", "hit")
    assert "NDCG@3" not in out
    code, _, err = call("table", "--metrics", "hits")
    assert code == 2
    assert "did you mean 'hit'" in err


def test_help_lists_every_command_under_a_heading(call: Any) -> None:
    _, out, _ = call("--help")
    for heading, commands in cli.sections.items():
        section = out.partition(f"{heading}:")[2].partition("\n\n")[0]
        assert re.findall(r"^  (\S+)  ", section, re.MULTILINE) == [each.name for each in commands]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_does_not_lose_the_table(call: Any, tiny: str) -> None:
    code, out, err = call("run", "popular", "--dataset", tiny, "-o", "/dev/full")
    assert code == 1
    assert "NDCG@10" in out
    assert "cannot write /dev/full: No space left on device. Choose another file with -o" in err
    code, _, err = call("table", "-o", "table.md")
    assert code == 0
    assert "table.md" in err.partition("wrote ")[2]


ODD = """
import functools, os, recbench

class Sub(dict): pass

class Unspeakable(Exception):
    def __str__(self): raise SystemExit(0)

class Here:
    size = "small"
    def __call__(self): raise Unspeakable()
    def is_here(self, data_dir): raise SystemExit(0)

class Splitter:
    def split(self, interactions): raise Unspeakable()

def table(results): raise SystemExit(0)

def refuses(): raise recbench.UsageError("no luck")

@recbench.hookimpl
def recbench_models():
    odd = {"a-dict": dict, "an-int": int, "a-sub": Sub, "a-partial": functools.partial(dict, a=1)}
    return {**odd, "refuses": refuses}
@recbench.hookimpl
def recbench_datasets(): return {"here": Here()}
@recbench.hookimpl
def recbench_splitters(): return {"bad-split": Splitter}
@recbench.hookimpl
def recbench_tables(): return {"bad-table": table}
"""


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin whose parts are not models, and exit or raise errors without words."""
    monkeypatch.syspath_prepend(install(tmp_path / "site", odd=ODD))


def test_factories_that_make_no_model_fail_with_words_and_the_others_run(
    odd: None, call: Any, tiny: str
) -> None:
    models = ("a-dict", "an-int", "a-sub", "a-partial", "refuses", "popular")
    code, out, err = call("run", *models, "--dataset", tiny, "--in-process", "--format", "json")
    assert code == 1
    status = {row["model"]: row["status"] for row in json.loads(out)}
    assert status.pop("popular") == "ok"
    assert set(status) == set(models[:-1])
    assert "no luck" in status.pop("refuses")
    assert all("a model needs fit(train), and score(history)" in text for text in status.values())
    code, out, err = call("run", "popular", "a-dict:dim=3", "--dataset", tiny)
    assert (code, out) == (2, "")
    assert err == "Error: model a-dict has no options; remove dim=3\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["datasets"], "dataset here (plugin odd) failed: SystemExit: 0"),
        (["run", "popular", "--dataset", "here"], "dataset here (plugin odd) failed: Unspeakable"),
        (
            ["run", "popular", "--dataset", "tiny.csv", "--split", "bad-split"],
            "splitter bad-split (plugin odd) failed: Unspeakable",
        ),
        (
            ["run", "popular", "--dataset", "tiny.csv", "--format", "bad-table", "--in-process"],
            "table bad-table (plugin odd) failed: SystemExit: 0",
        ),
    ],
)
def test_a_plugin_that_exits_does_not_end_the_command_with_success(
    odd: None, call: Any, tiny: str, args: list[str], message: str
) -> None:
    code, out, err = call(*args)
    assert (code, out) == (1, "")
    place = r" \(odd.py, line \d+; --debug shows the traceback\)\n"
    assert re.search(f"Error: {re.escape(message)}{place}$", err)


def test_any_other_exit_is_an_error(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recbench.cli.hints.load_plugins", lambda: sys.exit(0))
    code, out, err = call("models")
    assert (code, out) == (1, "")
    assert "Error: SystemExit: 0 (this looks like a bug" in err


def test_output_that_nobody_reads_is_no_error_to_report() -> None:
    for args in (["models"], ["--help"]):
        read, write = os.pipe()
        os.close(read)
        command = [sys.executable, "-m", "recbench", *args]
        done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
        os.close(write)
        assert (done.returncode, done.stderr) == (1, "")
