"""Downloads against a server on this machine: resuming, sizes, checksums, hostile archives."""

from __future__ import annotations

import re
import stat
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sameplayer.data.layouts import download as module
from sameplayer.data.layouts.download import download, fetch_synergy, md5_of, unpack
from sameplayer.errors import DataError


class Server:
    """Serves one content; ``break_after`` bytes an answer, then the connection is cut."""

    def __init__(self) -> None:
        self.content, self.etag, self.break_after, self.status = b"", '"one"', 0, 200
        self.ranges: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/data.zip"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        first = 0
        if self.status != 200:
            request.send_error(self.status)
            return
        if asked and request.headers.get("If-Range") == self.etag:
            first = int(re.findall(r"\d+", asked)[0])
            if first >= len(self.content):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(self.content)}")
                request.end_headers()
                return
        request.send_response(206 if first else 200)
        body = self.content[first:]
        request.send_header("Content-Length", str(len(body)))
        request.send_header("ETag", self.etag)
        request.end_headers()
        request.wfile.write(body[: self.break_after] if self.break_after else body)


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.http.shutdown()
    one.http.server_close()


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _small_synergy(path: Path) -> Path:
    names = [f"reid_training/{p:04d}_{p:04d}_{f:02d}.jpeg" for p in range(2) for f in range(2)]
    names += ["reid_test/query/0009_0009_00.jpeg", "reid_test/gallery/0009_0009_01.jpeg"]
    names += ["reid_challenge/query/4.jpeg", "reid_challenge/gallery/5.jpeg"]
    return _zip(path, {f"synergyreid_data/{name}": b"picture" for name in names})


def test_download_goes_on_where_the_connection_broke(server: Server, tmp_path: Path) -> None:
    server.content, server.break_after = bytes(range(256)) * 100, 10_000
    file = download(server.url, tmp_path / "data.zip", wait_s=0)
    assert file.read_bytes() == server.content
    assert server.ranges == [None, "bytes=10000-", "bytes=20000-"]
    assert [p.name for p in tmp_path.iterdir()] == ["data.zip"]


def test_download_of_a_file_that_changed_meanwhile_starts_anew(
    server: Server, tmp_path: Path
) -> None:
    server.content, server.break_after = b"old" * 1000, 100
    with pytest.raises(DataError, match="bytes are kept in"):
        download(server.url, tmp_path / "data.zip", attempts=1, wait_s=0)
    server.content, server.etag, server.break_after = b"new" * 1000, '"two"', 0
    assert download(server.url, tmp_path / "data.zip", wait_s=0).read_bytes() == server.content


def test_part_that_is_already_whole_is_taken(server: Server, tmp_path: Path) -> None:
    server.content, server.break_after = b"x" * 500, 400
    with pytest.raises(DataError):
        download(server.url, tmp_path / "data.zip", attempts=1, wait_s=0)
    part = tmp_path / "data.zip.partial"
    part.write_bytes(server.content)
    assert download(server.url, tmp_path / "data.zip", wait_s=0).read_bytes() == server.content


def test_download_says_what_the_server_said(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(DataError, match=r"404.*``url``"):
        download(server.url, tmp_path / "data.zip", wait_s=0)
    server.status = 503
    with pytest.raises(DataError, match=r"503.*Run the same command again"):
        download(server.url, tmp_path / "data.zip", attempts=2, wait_s=0)
    with pytest.raises(DataError, match="not an address"):
        download("nowhere", tmp_path / "data.zip", wait_s=0)
    assert not list(tmp_path.iterdir())


def test_fetch_unpacks_warns_and_reads(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = _small_synergy(tmp_path / "made.zip")
    server.content = archive.read_bytes()
    crops, warnings = fetch_synergy(tmp_path / "synergy", url=server.url)
    assert len(crops) == 8
    assert "unknown MD5" in warnings[0]
    assert "training train: 4 pictures; the challenge has 8569." in warnings
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made.zip", "synergy"]
    monkeypatch.setattr(module, "KNOWN_ARCHIVES", {md5_of(archive): "this one"})
    _, warnings = fetch_synergy(tmp_path / "again", url=server.url)
    assert not [line for line in warnings if "MD5" in line]
    with pytest.raises(DataError, match="already holds files"):
        fetch_synergy(tmp_path / "again", url=server.url)


@pytest.mark.parametrize(
    "name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "C:\\out.txt", "..\\out.txt"]
)
def test_members_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    archive = _zip(tmp_path / "bad.zip", {"good.txt": b"1", name: b"2"})
    with pytest.raises(DataError, match="would leave the folder"):
        unpack(archive, tmp_path / "in" / "here")
    assert not (tmp_path / "in" / "here").exists()
    assert not list(tmp_path.rglob("out.txt"))


def test_links_and_floods_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="link or a device"):
        unpack(tmp_path / "link.zip", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "flood.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(3_000_000))
    with pytest.raises(DataError, match=r"at most 0\.001 GB"):
        unpack(tmp_path / "flood.zip", tmp_path / "out", limit_gb=0.001)
    assert not (tmp_path / "out").exists()


def test_what_is_no_archive_is_named(tmp_path: Path) -> None:
    contents = {
        "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "LFS pointer"),
        "page": (b"<!DOCTYPE html><html></html>", "web page"),
        "cut": (b"PK\x03\x04 and no more", "damaged archive"),
    }
    for name, (content, expected) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=expected):
            unpack(tmp_path / name, tmp_path / "out")


def test_an_archive_with_a_damaged_member_leaves_nothing(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "data.zip", {"a.txt": b"a" * 50, "b.txt": b"b" * 50})
    archive.write_bytes(archive.read_bytes().replace(b"b" * 50, b"c" * 50))
    with pytest.raises(DataError, match="damaged archive"):
        unpack(archive, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["data.zip"]


def test_a_part_whose_record_is_damaged_starts_anew(server: Server, tmp_path: Path) -> None:
    for number, record in enumerate((b"", b"[]", b"\xff", b'{"url": 3, "version": 4}')):
        server.content, server.ranges = b"content" * 100, []
        file = tmp_path / f"{number}.zip"
        file.with_name(file.name + ".partial").write_bytes(b"other")
        file.with_name(file.name + ".partial.json").write_bytes(record)
        assert download(server.url, file, wait_s=0).read_bytes() == server.content
        assert server.ranges == [None]


def test_an_archive_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "data.zip", {"a.txt": b"a" * 50})
    content = bytearray(archive.read_bytes())
    for start in (8, content.index(b"PK\x01\x02") + 10):
        content[start : start + 2] = b"\x63\x00"  # compression method 99
    archive.write_bytes(content)
    with pytest.raises(DataError, match="damaged archive"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
