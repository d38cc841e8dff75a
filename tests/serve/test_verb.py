"""The verb serve: what it prints, where it listens, what it refuses, what it loads."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sameplayer.cli import main
from sameplayer.gallery.gallery import Gallery, create_gallery


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with create_gallery(tmp_path / "club", "colour", purpose="test") as made:
        assert isinstance(made, Gallery)
    return tmp_path / "club"


def test_the_server_prints_its_page_and_a_token_and_ends_on_a_signal(folder: Path, capsys) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "sameplayer", "serve", str(folder), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout is not None
        page, token = started.stdout.readline(), started.stdout.readline().split()[-1]
        address = urlsplit(page.split()[1])
        assert (address.path, address.fragment) == ("/login", token)
        link = http.client.HTTPConnection(address.netloc, timeout=20)
        link.request("GET", "/v1/galleries", headers={"Authorization": f"Bearer {token}"})
        answer = link.getresponse()
        (found,) = json.loads(answer.read())
        assert (found["label"], found["persons"]) == ("club", 0)
        assert "server" not in {name.lower() for name, _ in answer.getheaders()}
        assert main(["serve", str(folder), "--port", str(address.port)]) == 2
        assert "cannot be listened on" in capsys.readouterr().err
    finally:
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=30)
    assert started.returncode in (0, 130)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "No gallery is given"),
        (["none"], "no such folder"),
        (["club", "--host", "0.0.0.0"], "no token"),
        (["club", "--port", "70000"], "--port is 70000"),
        (["club", "--token-file", "none"], "no such file"),
        (["club", "--crops", "0"], "crops is 0"),
        (["club", "--device", "gpu"], "device is gpu"),
        (["club", "--trusted-proxies", "nginx"], "--trusted-proxies is 'nginx'"),
        (["club", "club"], "copies of each other"),
    ],
)
def test_what_cannot_be_served_is_refused(folder, monkeypatch, capsys, arguments, words) -> None:
    monkeypatch.chdir(folder.parent)
    assert main(["serve", *arguments]) == 2
    assert re.search(words, capsys.readouterr().err)


def test_no_other_verb_loads_the_web() -> None:
    code = (
        "import sys\nfrom sameplayer.cli import main\n"
        "try:\n main(['--help'])\nexcept SystemExit:\n pass\n"
        "print({'fastapi', 'uvicorn', 'starlette', 'pydantic', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "set()"
