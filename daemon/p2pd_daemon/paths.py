"""Where a node keeps its files, who holds the home folder, and how others find the running daemon.

Everything lives in one folder, the home: `$P2PD_HOME`, or `p2pd` in the platform's user data folder. One
process at a time holds it, by a `flock` on `lock`, which the kernel gives back however the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from p2pd_daemon.errors import AlreadyRunning, P2pdError

SOCKET_PATH_BYTES = 100  # sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the closing zero
LOCK_PATIENCE_S = (
    0.3  # `holder_of` takes the lock for a moment; a daemon that starts right then waits this long
)


@dataclass(frozen=True, slots=True)
class Home:
    """A node's folder and the names of the files in it. Nothing is made here: see `open_home`."""

    path: Path

    @property
    def identity(self) -> Path:
        return self.path / "identity.key"

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def store(self) -> Path:
        return self.path / "store.sqlite3"

    @property
    def kept(self) -> Path:
        """What a store node keeps for others."""
        return self.path / "kept.sqlite3"

    @property
    def token(self) -> Path:
        return self.path / "token"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def run(self) -> Path:
        return self.path / "run.json"

    @property
    def log(self) -> Path:
        return self.path / "daemon.log"


@dataclass(frozen=True, slots=True)
class Running:
    """What `run.json` says about the daemon: `http` is the page's address or None, `started_ms` Unix time."""

    pid: int
    socket: str
    http: str | None
    peer_id: str
    started_ms: int


def home_path(given: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The absolute home folder: what was given, else `$P2PD_HOME`, else the platform's user data folder."""
    chosen = given or environ.get("P2PD_HOME")
    if chosen:
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    import platformdirs  # noqa: PLC0415 - costs milliseconds that most commands need not pay

    return Path(platformdirs.user_data_dir("p2pd", appauthor=False))


def open_home(path: Path) -> Home:
    """Makes the folder where it is missing (mode 0700).

    Raises P2pdError when something else is in its place or it cannot be written.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise P2pdError(
            f"{path} is not a folder", hint="Choose another home with --home FOLDER or P2PD_HOME."
        ) from error
    except OSError as error:
        raise P2pdError(
            f"cannot make the home folder {path}: {error.strerror}",
            hint="Make it writable, or choose another with --home FOLDER or P2PD_HOME.",
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise P2pdError(
            f"the home folder {path} is not writable",
            hint="Make it writable, or choose another with --home FOLDER or P2PD_HOME.",
        )
    return Home(path)


# One daemon at a time


@contextlib.contextmanager
def hold_home(home: Home) -> Iterator[None]:
    """Holds the home folder for this process until the block ends. AlreadyRunning names the holder's pid.

    The lock file stays: removing it would let a second process lock a new file of the same name.
    """
    try:
        fd = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise P2pdError(
            f"cannot write {home.lock}: {error.strerror}",
            hint="Make the home folder and the file in it yours.",
        ) from error
    try:
        _lock_patiently(fd, home)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def _lock_patiently(fd: int, home: Home) -> None:
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            pid = _pid_in(fd)
            who = f"process {pid}" if pid else "another process"
            raise AlreadyRunning(
                f"a daemon is already running on {home.path}: {who}",
                hint="Stop it with `p2pd stop`, or give this one a home of its own with --home FOLDER.",
            ) from error
        return


def _pid_in(fd: int) -> int | None:
    text = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None


def holder_of(home: Home) -> int | None:
    """The pid of the process that holds the home (0 where it is not known), None when nobody does."""
    try:
        fd = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_in(fd) or 0
    finally:
        os.close(fd)
    return None


# How others find the daemon


def save_run_file(home: Home, running: Running) -> None:
    """Writes run.json in one step; readers see the old one or the new one."""
    write_private_file(home.run, json.dumps(asdict(running)).encode() + b"\n")


def load_run_file(home: Home) -> Running | None:
    """The daemon that run.json names; None where there is none, or nobody holds the home (it was killed)."""
    try:
        found = json.loads(home.run.read_bytes())
        running = Running(**{name: found[name] for name in Running.__slots__})
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no daemon, or one that was killed while it wrote: either way there is nobody to ask
    return running if holder_of(home) is not None else None


def remove_run_file(home: Home) -> None:
    home.run.unlink(missing_ok=True)


def socket_path(home: Home, environ: Mapping[str, str] = os.environ) -> Path:
    """The control socket's path: in the home, or, where that is too long for the kernel, in a private folder.

    The private folder is `$XDG_RUNTIME_DIR/p2pd-<hash>`, else `<tmp>/p2pd-<uid>-<hash>`, mode 0700 and our
    own; the hash is of the home's path, so that each home has one. Raises P2pdError when none can be had.
    """
    inside = home.path / "p2pd.sock"
    if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES:
        return inside
    import hashlib  # noqa: PLC0415 - few homes are so long

    digest = hashlib.sha256(os.fsencode(home.path)).hexdigest()[:12]
    name = f"p2pd-{os.getuid()}-{digest}"
    candidates = [Path(environ.get("TMPDIR") or "/tmp", name), Path("/tmp", name)]  # noqa: S108 - owner checked
    if environ.get("XDG_RUNTIME_DIR"):
        candidates.insert(0, Path(environ["XDG_RUNTIME_DIR"], f"p2pd-{digest}"))
    for folder in candidates:
        path = folder / "p2pd.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES and _is_private_folder(folder):
            return path
    raise P2pdError(
        f"no place for the control socket: {home.path} is too long, and no temporary folder is ours alone",
        hint="Choose a home with a path of at most 80 characters with --home FOLDER.",
    )


def _is_private_folder(folder: Path) -> bool:
    """Makes the folder 0700 where it is missing; False when it cannot be, or is not ours alone."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and found.st_mode & 0o077 == 0


# Files of one's own


def write_private_file(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Writes a file of mode 0600 so that a crash leaves the old one or the new one, never a part.

    With `replace=False` an existing file stays and FileExistsError is raised; of two at once, one wins.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    put: Callable[[Path, Path], None] = os.replace if replace else os.link
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        put(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):  # renamed
            os.unlink(temporary)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
