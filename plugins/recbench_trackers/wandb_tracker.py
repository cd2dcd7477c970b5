"""The tracker `wandb`: runs in Weights & Biases, or on disk if there is no account."""

from __future__ import annotations

import contextlib
import netrc
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import recbench

from .facts import Point, numbers, origin, parameters, title, training_name
from .tracker import Tracker, require

FAILED, INTERRUPTED = 1, 255
"""Exit codes of runs. wandb uses 255 for Ctrl-C itself."""

LONGEST_NAME = 128
"""How many characters the name of a run may have."""

REPORTS = "WANDB_ERROR_REPORTING"

HOSTED = "api.wandb.ai"
"""What `wandb login` calls the server of wandb's makers, whatever its address is."""

BEGINNING, ENDING = 20, 60
"""Seconds to wait for the server. What is not uploaded by then stays on disk."""


class Wandb(Tracker):
    """Runs in Weights & Biases: one for each model, dataset and seed, and one for the table.

    All runs of a command are one group. Parameters, versions and data hashes are in the
    configuration of a run, final metrics with their intervals in its summary, and the values that
    models report while they train in its history. A model that fails has a failed run. The last run
    has the table of the whole command, and all numbers as a table of wandb.

    Parameters
    ----------
    project : str, default: "recbench"
        Project that the runs belong to.
    entity : str or none, default: None
        User or team that the project belongs to. None lets wandb choose.
    mode : {"online", "offline", none}, default: None
        Whether runs are uploaded. None takes it from wandb's own settings and the variable
        WANDB_MODE; without an account (`wandb login`), runs stay on this computer.
    group : str or none, default: None
        Name of the group. None makes one of the date and time.
    folder : str or none, default: None
        Where the folder `wandb` with the runs is made. None takes the folder of the variable
        WANDB_DIR, or else the current one.

    Notes
    -----
    To install it: `pip install "recbench-toolkit[wandb]"`. To upload runs that are on disk:
    `wandb sync wandb/offline-run-*`.
    """

    name: ClassVar = "wandb"

    def __init__(
        self,
        project: str = "recbench",
        entity: str | None = None,
        mode: Literal["online", "offline"] | None = None,
        group: str | None = None,
        folder: Path | None = None,
    ) -> None:
        super().__init__()
        require("wandb", "wandb")
        if not project or set(project) & set("/\\#?%:"):
            raise recbench.UsageError(
                f"wandb: project={project} must be a name without the characters / \\ # ? % :"
            )
        if mode not in (None, "online", "offline"):
            raise recbench.UsageError(f'wandb: mode={mode} must be "online" or "offline"')
        self.project, self.entity, self._group_given = project, entity, group
        self.folder = None if folder is None else Path(folder).absolute()
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.mode = self._mode(mode)
        self._group = ""

    def _mode(self, mode: str | None) -> Any:
        """Return the mode that is asked for, or offline if there is no account."""
        import wandb

        with _without_reports():
            settings = wandb.setup().settings
        wanted: str = mode or ("offline" if settings.mode == "dryrun" else settings.mode)
        if wanted not in {"online", "shared", "run"} or _has_account(settings):
            return wanted
        if mode == "online":
            raise recbench.UsageError(
                "wandb: mode=online needs an account; run wandb login, or set WANDB_API_KEY"
            )
        return "offline"

    def _begin(self, cell: recbench.Result, began: float) -> Any:  # noqa: ARG002
        run = self._run(title(cell), "model", parameters(cell))
        run.define_metric("training/*", step_metric="step")
        return run

    def _run(self, name: str, kind: str, config: dict[str, Any]) -> Any:
        """Begin a run that is independent of the current run of the user."""
        import wandb

        self._group = self._group or self._group_given or _group_of_now()
        settings = wandb.Settings(
            silent=True,
            console="off",  # others write to the terminal too
            reinit="create_new",
            save_code=False,
            x_save_requirements=False,  # versions are recorded with the result
            x_disable_stats=True,  # models run in other processes
            init_timeout=BEGINNING,
            finish_timeout=ENDING,
        )
        with _without_reports():
            return wandb.init(
                project=self.project,
                entity=self.entity,
                dir=self.folder,
                mode=self.mode,
                group=self._group,
                job_type=kind,
                name=name[:LONGEST_NAME],
                config=_nested(config),
                settings=settings,
            )

    def _write(self, run: Any, points: Sequence[Point]) -> None:
        for step, group in groupby(points, lambda point: point.step):
            several = list(group)
            values = {training_name(point): point.value for point in several}
            run.log({"step": step, "_timestamp": several[0].time, **values})

    def _end(self, run: Any, result: recbench.Result, ended: float) -> None:  # noqa: ARG002
        run.config.update(origin(result), allow_val_change=True)
        run.summary.update({**numbers(result), "status": "ok" if result.ok else "failed"})
        if not result.ok:
            run.summary.update({"failure": recbench.printable(result.failure)})
        run.finish(exit_code=0 if result.ok else FAILED)

    def _interrupt(self, run: Any) -> None:
        run.summary.update({"status": "interrupted"})
        run.finish(exit_code=INTERRUPTED)

    def _conclude(self, results: recbench.Results, *, interrupted: bool) -> str:
        import wandb

        run = self._run("table", "table", {})
        frame = results.to_frame()
        cells: Any = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
        rows = wandb.Table(columns=[str(name) for name in frame], data=cells)
        run.log({"results": rows, "table": wandb.Html(results.to_table("html"), inject=False)})
        files = wandb.Artifact("table", "table")
        for name, text in (
            ("table.md", results.to_table("markdown")),
            ("table.html", results.to_table("html")),
            ("results.csv", frame.to_csv(index=False)),
        ):
            with files.new_file(name, encoding="utf-8") as file:
                file.write(text)
        run.log_artifact(files)
        run.summary.update({"status": "interrupted" if interrupted else "ok"})
        where = f"the group {self._group} of the project {self.project}"
        if run.settings.mode == "online":
            where = f"{where}; to look at them: {run.get_project_url()}"
        else:
            folder = Path(run.settings.sync_dir).parent
            where = f"{where} ({folder}); to upload them: wandb sync {folder}/offline-run-*"
        run.finish(exit_code=INTERRUPTED if interrupted else 0)
        self._group = ""
        return where


def _group_of_now() -> str:
    return f"recbench {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"


def _nested(config: dict[str, Any]) -> dict[str, Any]:
    """Return parameters with the options of the model in a dict, as wandb shows them."""
    options = {key.partition(".")[2]: value for key, value in config.items() if "." in key}
    plain = {key: value for key, value in config.items() if "." not in key}
    return {**plain, "options": options} if options else plain


def _has_account(settings: Any) -> bool:
    """Return whether wandb knows an account, from its settings, variables or the file of netrc."""
    import wandb

    if settings.api_key or settings.identity_token_file or os.environ.get("WANDB_API_KEY"):
        return True
    hosts = [urlsplit(settings.base_url).netloc]
    hosts += [HOSTED] * (settings.base_url == wandb.Settings().base_url)
    given = os.environ.get("NETRC")
    for file in [given] if given else ["~/.netrc", "~/_netrc"]:
        with contextlib.suppress(OSError, netrc.NetrcParseError):
            known = netrc.netrc(Path(file).expanduser())
            if any(known.authenticators(host) for host in hosts):
                return True
    return False


@contextlib.contextmanager
def _without_reports() -> Iterator[None]:
    """In this block, wandb reports no errors to its makers, which it would also do offline."""
    before = os.environ.get(REPORTS)
    os.environ.setdefault(REPORTS, "false")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(REPORTS, None)
