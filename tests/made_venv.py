"""A fresh virtual environment that sees the packages of this one, and what pip installs into it."""

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

COMMANDS = {
    "pip": "from pip._internal.cli.main import main",
    "pytest": "from pytest import main",
    "recbench": "from recbench.cli.main import main",
}


class Venv:
    """An environment in which the commands of a page run as they are written."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.bin = folder / "bin"
        (packages,) = folder.glob("lib/python*/site-packages")
        parents = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        lines = [f"import site; site.addsitedir({parent!r})\n" for parent in sorted(parents)]
        (packages / "parents.pth").write_text("".join(lines))
        for name, code in COMMANDS.items():
            script = self.bin / name
            script.write_text(
                f"#!{self.bin / 'python'}\nimport sys\n{code}\n"
                "if __name__ == '__main__':\n    sys.exit(main())\n"  # as pip writes it
            )
            script.chmod(0o755)

    def run(self, command: str, folder: Path, **variables: str) -> str:
        """Return what a command prints to stdout. pip uses no network."""
        env = {
            **os.environ,
            "PATH": os.pathsep.join([str(self.bin), os.environ["PATH"]]),
            "COLUMNS": "120",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the value of `build-isolation`
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **variables,
        }
        done = subprocess.run(
            command, shell=True, cwd=folder, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout
