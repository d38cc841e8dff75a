"""A PostgreSQL server of the tests' own: in a folder that goes away, on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PASSWORD_ROLE = "guarded"  # the only role that needs a password


class Server:
    """Debian's PostgreSQL; as root it runs as another user, for it refuses to run as root."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self._binaries = folder, binaries
        self.data = folder / "data"
        self._user: dict[str, Any] = {}
        if os.getuid() == 0:
            user = pwd.getpwnam("nobody")
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(folder, user.pw_uid, user.pw_gid)

    def make(self) -> None:
        """Make the files of the server."""
        self._run(
            "initdb",
            "--username=club",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
            "--locale=C.UTF-8",
            "-D",
            self.data,
        )
        rules = f"local all {PASSWORD_ROLE} scram-sha-256\nlocal all all trust\n"
        (self.data / "pg_hba.conf").write_text(rules)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder}"
        self._run(
            "pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", options, "start"
        )

    def stop(self, how: str = "fast") -> None:
        """Stop it; clients lose their connections."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", how, "stop")

    def connection(self, user: str = "club") -> str:
        """Return the connection string of a role."""
        return f"host={self.folder} dbname=postgres user={user}"

    def variables(self, database: str) -> dict[str, str]:
        """Make a database, and return the environment in which it is found without an address."""
        self._run("createdb", "--host", self.folder, "--username", "club", database)
        return {"PGHOST": str(self.folder), "PGUSER": "club"}

    def _run(self, name: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._binaries / name, *arguments],
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **self._user,
        )
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr}")


@contextmanager
def running() -> Iterator[Server | None]:
    """Give a server that runs, and remove it afterwards; None where there is no PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    path = found[-1] if found else shutil.which("postgres")
    if path is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    server = Server(folder, Path(path).parent)
    try:
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
