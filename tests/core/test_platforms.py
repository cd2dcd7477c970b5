"""Other systems: with the names that Windows or macOS lack hidden, everything imports and runs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HIDE = """
import os, signal, socket, sys

# Libraries of other people choose what they need when they are imported.
import click, filelock, numpy, pandas, pooch, psutil, pyarrow.csv, pyarrow.dataset, pyarrow.parquet
import pytest, rich.console, rich.progress, torch

LINUX = {
    os: "eventfd memfd_create pidfd_open posix_spawn prlimit sched_getaffinity sched_setaffinity "
        "MFD_ALLOW_SEALING MFD_CLOEXEC POSIX_SPAWN_DUP2 POSIX_SPAWN_OPEN",
    signal: "pidfd_send_signal sigtimedwait sigwaitinfo",
    socket: "SOCK_CLOEXEC SOCK_SEQPACKET",
}
POSIX = {
    os: "chown fchmod fork forkpty getegid geteuid getgid getloadavg getpgid getpriority getsid "
        "getuid killpg mkfifo nice openpty pread pwrite register_at_fork setpgid setpriority "
        "setsid statvfs sync sysconf ttyname uname wait wait3 wait4 waitid O_CLOEXEC O_DIRECTORY "
        "O_NOFOLLOW PRIO_PROCESS",
    signal: "alarm getitimer pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending "
        "sigwait ITIMER_REAL SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP "
        "SIGTSTP SIGUSR1 SIGUSR2 SIG_BLOCK SIG_SETMASK SIG_UNBLOCK",
    socket: "recv_fds send_fds AF_UNIX CMSG_LEN CMSG_SPACE SCM_RIGHTS",
}
MODULES = "crypt fcntl grp pty pwd resource syslog termios tty"


def hide(system):
    for hidden in (LINUX, POSIX) if system == "win32" else (LINUX,):
        for module, names in hidden.items():
            for name in names.split():
                if hasattr(module, name):
                    delattr(module, name)
    if system == "win32":
        sys.modules.update(dict.fromkeys(MODULES.split()))
    sys.platform = system


hide({system!r})
"""

IMPORTS = """
import importlib, pkgutil
from importlib.metadata import entry_points
import recbench

found = pkgutil.walk_packages(recbench.__path__, "recbench.")
names = [found.name for found in found if found.name != "recbench.__main__"]
for name in names:
    importlib.import_module(name)
print(len(names) > 50, len([plugin.load() for plugin in entry_points(group="recbench")]) > 5)
"""

COMMANDS = """
from recbench.cli.main import main

for line in {lines!r}:
    try:
        main(line.split())
    except SystemExit as end:
        print(f"{{line}}: {{end.code}}", flush=True)
"""

COLLECT = """
sys.platform = "linux"  # pytest looks for a Windows console
sys.exit(pytest.main(["--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", "tests"]))
"""

SYSTEMS = pytest.mark.parametrize("system", ["win32", "darwin"])


def python(code: str, system: str, cwd: Path) -> tuple[str, str]:
    """Run code with the names hidden; return what it writes to stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", HIDE.replace("{system!r}", repr(system)) + code],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout, done.stderr


@SYSTEMS
def test_every_module_and_plugin_can_be_imported(system: str, tmp_path: Path) -> None:
    assert python(IMPORTS, system, tmp_path)[0] == "True True\n"


@SYSTEMS
def test_commands_run_and_say_that_models_run_in_the_main_process(
    system: str, tmp_path: Path
) -> None:
    data = "--dataset synthetic:users=60,items=30,interactions=900"
    lines = [
        "models",
        f"run popular rules {data} --results r",
        f"run popular rules {data} --results r -v",
        "table --results r",
        f"recommend popular {data} --user 1 --results r",
        f"explain rules {data} --user 1 --results r",
        "verify r --all",
        "export-split synthetic -o split",
    ]
    out, err = python(COMMANDS.format(lines=lines), system, tmp_path)
    assert [line for line in lines if f"\n{line}: 0\n" not in f"\n{out}"] == []
    assert "models run in this process, without limits on time and memory" in err
    assert err.count("using the stored result") == 2
    assert "Run in the main process, where a model could" in out
    assert len(list(tmp_path.glob("split/*"))) == 6


@pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs the repository")
def test_the_tests_can_be_collected() -> None:
    assert "error" not in python(COLLECT, "win32", ROOT)[0].splitlines()[-1]
