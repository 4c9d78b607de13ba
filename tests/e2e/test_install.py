"""The distribution, installed elsewhere: tree → sdist → wheel → a fresh environment, where it runs. No network.

The environment finds the dependencies where this one has them; of p2pd it sees nothing but what was installed.
"""

from __future__ import annotations

import email
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from e2e.harness import LOOPBACK, clean_environment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "p2pd_daemon": "daemon",
    "p2pd_client": "cli",
    "p2pd_cli": "cli",
    "p2pd_bootstrap": "bootstrap",
}
NOT_OURS = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "node_modules", "__pycache__", ".*_cache", ".hypothesis"
)


def run(*line: str | Path, cwd: Path, home: Path | None = None) -> str:
    """Runs it without a trace of this checkout in the environment; returns its standard output."""
    environment = {name: value for name, value in clean_environment().items() if name != "PYTHONPATH"}
    environment |= {"P2PD_HOME": str(home or cwd / "home")}
    done = subprocess.run(
        line, cwd=cwd, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution, built from a copy of this tree."""
    folder = tmp_path_factory.mktemp("sdist")
    shutil.copytree(ROOT, folder / "tree", ignore=NOT_OURS, symlinks=True)
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=folder / "tree")
    [archive] = folder.glob("p2pd_chat-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """The wheel, built from what the source distribution holds."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", sdist.parent, cwd=sdist)
    [found] = sdist.parent.glob("p2pd_chat-*-py3-none-any.whl")
    return found


def test_the_wheel_carries_every_file_and_nothing_else(wheel: Path) -> None:
    expected = {
        path.relative_to(ROOT / root).as_posix()
        for package, root in PACKAGES.items()
        for path in (ROOT / root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata_name] = [name for name in names if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(metadata_name))
    folder = metadata_name.removesuffix("METADATA")
    assert {name for name in names if not name.startswith(folder)} == expected
    assert {f"{package}/py.typed" for package in PACKAGES} | {"p2pd_daemon/store/schema.sql"} <= names
    assert f"{folder}licenses/LICENSE" in names
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert metadata["Name"] == "p2pd-chat"
    assert len(metadata.get_all("Requires-Dist", [])) == len(project["dependencies"])
    assert "# p2pd" in str(metadata.get_payload())  # the README


def test_the_sdist_has_what_one_needs_to_work_on_it(sdist: Path) -> None:
    for name in (
        "LICENSE",
        "README.md",
        "Makefile",
        "pyproject.toml",
        "requirements.lock",
        "tests/e2e/harness.py",
    ):
        assert (sdist / name).is_file(), name


def test_it_runs_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path)
    python, p2pd = venv / "bin" / "python", venv / "bin" / "p2pd"
    ours = Path(run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path).strip())
    # A path in a .pth file is searched after ours, and its own .pth files (the editable install) are not read.
    theirs = [path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}]
    (ours / "dependencies.pth").write_text("".join(f"{path}\n" for path in theirs))
    install = ("install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", wheel)
    run(sys.executable, "-m", "pip", "--python", python, *install, cwd=tmp_path)
    for package in PACKAGES:
        where = run(python, "-c", f"import {package}; print({package}.__file__)", cwd=tmp_path)
        assert Path(where.strip()) == ours / package / "__init__.py"

    project_version = wheel.name.split("-")[1]
    assert project_version in run(p2pd, "version", cwd=tmp_path)
    peer_id = run(p2pd, "id", cwd=tmp_path).strip()
    quiet = ("--listen", LOOPBACK, "--http", "127.0.0.1:0", "--detach", "--json")
    for start, home in (
        ((p2pd, "start", "--no-mdns", *quiet), tmp_path / "home"),
        ((p2pd, "bootstrap", *quiet), tmp_path / "home" / "bootstrap"),
    ):
        ready = json.loads(run(*start, cwd=tmp_path))
        try:
            if home == tmp_path / "home":
                assert ready["peer_id"] == peer_id
                pid = json.loads(run(p2pd, "status", "--json", cwd=tmp_path))["pid"]
                assert os.fsencode(python) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                assert "p2pd_daemon" in Path(f"/proc/{pid}/cmdline").read_text()
                run(p2pd, "join", "lobby", cwd=tmp_path)
                run(p2pd, "send", "lobby", "hello", cwd=tmp_path)
                assert "hello" in run(p2pd, "history", "lobby", cwd=tmp_path)
        finally:
            run(p2pd, "stop", cwd=tmp_path, home=home)
