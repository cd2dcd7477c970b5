"""The README quotes the code exactly, has measured numbers, and its commands run."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "plugins" / "recbench_transformer"
README = (FOLDER / "README.md").read_text()
STEPS = [
    *("Ids", "Embeddings", "Positions", "Attention", "Causality"),
    *("Blocks", "Scores", "Loss", "Training"),
]
BLOCKS = re.findall(r"^```(sh|diff)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_walk_has_all_steps_in_order() -> None:
    assert re.findall(r"^### \d+\. (\w+)$", README, re.MULTILINE) == STEPS


def test_quoted_code_is_on_the_linked_line() -> None:
    pointers = re.findall(r"`([^`]+)` \(\[(\w+\.py):(\d+)\]\((\w+\.py)#L(\d+)\)\)", README)
    assert len(pointers) == README.count(".py#L") >= 15
    for code, file, line, path, anchor in pointers:
        assert (file, line) == (path, anchor)
        lines = (FOLDER / file).read_text().splitlines()
        found = [number for number, text in enumerate(lines, 1) if code in text]
        assert int(line) in found, f"{file}:{line} does not have {code!r}; lines {found} have it"


def test_each_step_has_a_picture_and_all_pictures_are_used() -> None:
    pictures = re.findall(r"^!\[([^\]]{20,})\]\(pictures/(\w+\.png)\)$", README, re.MULTILINE)
    drawn = {path.name for path in (FOLDER / "pictures").glob("*.png")}
    assert sorted(name for _, name in pictures) == sorted(drawn)
    for step in README.split("\n### ")[1:]:
        assert "](pictures/" in step
    assert all((FOLDER / "pictures" / name).stat().st_size < 100_000 for name in drawn)


@pytest.mark.parametrize(("name", "column"), [("ablation-ml-1m", 1), ("ablation-ml-100k", 2)])
def test_the_ablation_has_the_numbers_of_the_stored_tables(name: str, column: int) -> None:
    table = (ROOT / "results" / "reference" / f"{name}.md").read_text()
    lines = re.findall(r"^\| (\S+) \| (0\.\d{4}) \|", table, re.MULTILINE)
    stored = {change.strip("`"): value for change, value in lines}
    section = README.partition("## What the result depends on")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \| (.*) \|$", section, re.MULTILINE)
    assert len(rows) == 6
    for row in rows:
        change = "none" if row[0] == "transformer" else row[0].removeprefix("transformer:")
        assert row[column] == stored[change], row


def ordinal(number: float) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(int(number) % 10, "th")
    return f"{number:.0f}{'th' if 10 < number % 100 < 14 else ending}"


def test_numbers_are_those_of_the_committed_pictures() -> None:
    numbers = json.loads((ROOT / "benchmarks" / "lesson.json").read_text())
    ndcg, blocks = numbers["NDCG@10"], numbers["rank after each block"]
    network, end = ndcg["network"], ndcg["transformer"][-1]
    passed = next(n for n, value in enumerate(network) if value > ndcg["rules"])
    ranks = numbers["rank of the held-out film"]["transformer"]
    for words in (
        f"user {numbers['user']}, who has watched {numbers['films in the history']} films",
        f"*{numbers['held out'].rpartition(' (')[0]}*, is held out",
        f"It ranks this film {ordinal(ranks[-1])} among",
        f"the median rank is {numbers['median rank over users'][-1]:.0f}",
        f"ranks {ordinal(blocks[0])}; after the first block has looked at the history, it ranks",
        f"it ranks {ordinal(blocks[1])}, and after the second, it ranks {ordinal(blocks[2])}",
        f"the network is at {network[0]:.4f}, below `popular` with {ndcg['popular']:.4f}",
        f"passes `rules`, {ndcg['rules']:.4f}, in epoch {passed} and ends at {network[-1]:.4f}",
        f"with the counts added it ends at {end:.4f}",
        f"would give {np.log(1682):.2f}, the logarithm of the number of films, 1,682",
    ):
        assert words in README, words


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder with the code of the plugin, as in a clone, and a small ml-100k."""
    shutil.copytree(FOLDER, tmp_path / "plugins" / FOLDER.name)
    data = tmp_path / "data" / "ml-100k"
    data.mkdir(parents=True)
    rng = np.random.default_rng(0)
    (data / "u.data").write_text(
        "".join(
            f"{user}\t{1 + (7 * user + place * rng.integers(1, 3)) % 80}\t4\t{880000000 + place}\n"
            for user in range(1, 61)
            for place in range(20)
        )
    )
    lines = [f"{item}|Film {item} (1990)|01-Jan-1990||http://x|0|1\n" for item in range(1, 81)]
    (data / "u.item").write_text("".join(lines))
    return tmp_path


@pytest.fixture
def env(clone: Path) -> dict[str, str]:
    """Return a new environment to install into, with all packages of the current one."""
    venv.create(clone / "venv", symlinks=True)
    site = next((clone / "venv").glob("lib/python*/site-packages"))
    paths = [path for path in sys.path if path.endswith("-packages")]
    lines = [f"import site; site.addsitedir({path!r})\n" for path in paths]
    (site / "all.pth").write_text("".join(lines))
    isolation = "--no-build-isolation" if importlib.util.find_spec("setuptools") else ""
    for name, module, options in (
        ("pip", "pip", f"--no-deps {isolation}"),
        ("recbench", "recbench", ""),
    ):
        command = clone / "venv" / "bin" / name
        command.write_text(
            f'#!/bin/sh\nexec "{command.parent}/python" -m {module} "$@" {options}\n'
        )
        command.chmod(0o755)
    path = os.pathsep.join([str(clone / "venv" / "bin"), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "RECBENCH_DATA": str(clone / "data")}


def shell(lines: str, clone: Path, env: dict[str, str]) -> str:
    done = subprocess.run(["sh", "-ec", lines], cwd=clone, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{lines}\n{done.stdout}{done.stderr}"
    return done.stdout


def edit(diff: str, clone: Path) -> None:
    """Apply a diff without line numbers to a file."""
    head, *hunks = re.split(r"^(?:@@|--- .*)\n", diff, flags=re.MULTILINE)
    assert not head
    path = clone / diff.splitlines()[0].removeprefix("--- ")
    text = path.read_text()
    for hunk in hunks:
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] != "+")
        assert text.count(f"\n{old}") >= 1, f"{path.name} does not contain:\n{old}"
        text = text.replace(old, "".join(line[1:] for line in lines if line[0] != "-"), 1)
    path.write_text(text)


def test_the_commands_make_a_changed_model_that_runs_beside_the_original(
    clone: Path, env: dict[str, str]
) -> None:
    printed, more = [], []
    for kind, text in BLOCKS:
        if kind == "diff":
            edit(text, clone)
            more.append(additional_weights(clone, env))
        else:
            printed.append(shell(text, clone, env))
    heads, _, positions, _, loss, file = printed
    for table, name in (
        (heads, "transformer:heads=1"),
        (positions, "mine:rotary=false"),
        (loss, "mine"),
    ):
        assert re.search(rf"^{name}  +0\.\d{{4}} .*\n", table, re.MULTILINE), table
        assert re.search(r"^transformer  +0\.\d{4} ", table, re.MULTILINE), table
    assert more == [100 * 64, 0], "learned positions, then the original network again"
    assert Path(file.strip()) == clone / "mine" / "recbench_mine" / "network.py"


def additional_weights(clone: Path, env: dict[str, str]) -> int:
    """Return how many weights the network of the copy has more than the original."""
    lines = """python -c "
from recbench_mine import Transformer
from recbench_mine.build import build_network as build_mine
from recbench_transformer.build import build_network
made = [build(Transformer(dim=64, length=100).settings, 9, 9, embed_users=False)
        for build in (build_mine, build_network)]
mine, original = (sum(weight.numel() for weight in net.parameters()) for net in made)
print(mine - original)
" """
    return int(shell(lines, clone, env))


def test_the_other_loss_is_binary_cross_entropy_with_its_gradient(
    clone: Path, env: dict[str, str]
) -> None:
    creation, _, loss_diff = [text for _, text in BLOCKS if "mkdir" in text or "---" in text]
    shell(creation, clone, env)
    edit(loss_diff, clone)
    shell(
        """python -c "
import torch
from torch.nn import functional
from recbench_mine.loss import full_softmax
torch.manual_seed(0)
hidden, weight, bias = torch.randn(5, 4), torch.randn(7, 4), torch.randn(7)
targets = torch.tensor([0, 6, 2, 2, 3])
scores = (hidden @ weight.t() + bias).requires_grad_()
losses, gradient = full_softmax(scores.detach(), targets)
answers = functional.one_hot(targets, 7).float()
total = functional.binary_cross_entropy_with_logits(scores, answers, reduction='none').sum(dim=1)
total.sum().backward()
torch.testing.assert_close(losses, total.detach())
torch.testing.assert_close(gradient, scores.grad)
" """,
        clone,
        env,
    )


def test_an_edit_has_an_effect_only_with_an_editable_install(
    clone: Path, env: dict[str, str]
) -> None:
    creation = next(text for _, text in BLOCKS if "mkdir" in text)
    which = next(text for _, text in BLOCKS if text.startswith("python"))
    linked, plain = "pip install -e ./mine", "pip install ./mine"
    assert linked in creation
    shell(creation.replace(linked, plain), clone, env)
    source = clone / "mine" / "recbench_mine" / "network.py"
    source.write_text(source.read_text() + "\nEDITED = True\n")
    edited = "python -c \"from recbench_mine import network; print(hasattr(network, 'EDITED'))\""
    assert shell(edited, clone, env) == "False\n"
    assert Path(shell(which, clone, env).strip()).parts[-3] == "site-packages"
    shell(linked, clone, env)
    assert shell(edited, clone, env) == "True\n"
    assert Path(shell(which, clone, env).strip()) == source
