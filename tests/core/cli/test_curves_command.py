"""The command curves: what it prints, and the files that it writes."""

import json
from pathlib import Path

import pytest
from made_curves import write_curved

import recbench
from recbench.cli.main import main


def test_the_command_prints_and_writes_all_forms(
    tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recbench.run(write_curved(), tiny, in_process=True)
    capsys.readouterr()
    files = [f"c.{suffix}" for suffix in ("png", "svg", "csv", "json", "md", "html", "txt")]
    outputs = [word for file in files for word in ("-o", file)]
    with pytest.raises(SystemExit) as stop:
        main(["curves", "--values", "loss", *outputs])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    curves = recbench.curves(values="loss")
    assert printed == Path("c.txt").read_text() == f"{curves}\n"
    assert Path("c.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in Path("c.svg").read_text()
    assert Path("c.csv").read_text() == curves.to_frame().to_csv(index=False)
    assert len(json.loads(Path("c.json").read_text())) == len(curves.to_frame()) == 6
    assert Path("c.md").read_text() == curves.to_markdown()
    assert "<img" in Path("c.html").read_text()
    with pytest.raises(SystemExit) as stop:
        main(["curves", "-o", "c.exe"])
    assert stop.value.code == 2
    assert ".csv or .json for all points" in " ".join(capsys.readouterr().err.split())
