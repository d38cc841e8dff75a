"""Fetch, verify and safely unpack the data sets that may be downloaded.

``download`` resumes a broken download, ``unpack`` refuses archives that would write outside the
folder they are given. Both leave whole files or none. Own code, since pooch does not resume and
takes the pointer file of Git LFS for the archive.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import stat
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath

from sameplayer.common.files import new_folder, whole_folder
from sameplayer.data.crops import Crops
from sameplayer.data.layouts.sources import read_source
from sameplayer.errors import DataError, SameplayerError

SYNERGY = (
    "https://github.com/DeepSportradar/player-reidentification-challenge/raw/HEAD/"
    "baseline/data/synergyreid/raw/synergyreid_data.zip"
)
KNOWN_ARCHIVES = {
    "05715857791e2e88b2f11e4037fbec7d": "the 2022 challenge",
    "2a1cdbd10d2b8f0da6575e3581343e31": "the 2023 challenge, final",
}
SYNERGY_COUNTS = {
    ("training", "train"): (8569,),
    ("test", "query"): (50,),
    ("test", "gallery"): (910,),
    ("challenge", "query"): (468, 618),
    ("challenge", "gallery"): (8703, 9505),
}
LIMIT_GB = 20.0
_BLOCK = 1 << 20

Progress = Callable[[int, int], None]


def fetch_synergy(
    folder: str | Path, *, url: str = SYNERGY, progress: Progress | None = None
) -> tuple[Crops, list[str]]:
    """Download the Synergy data into a new or empty folder; return its crops and warnings.

    A partly downloaded archive beside ``folder`` is continued. An archive with an unknown checksum
    is a warning, since the published one has been packed anew several times; so are counts that
    differ from the challenge's. A layout that is not Synergy's is a DataError.
    """
    folder = Path(folder)
    new_folder(folder)
    archive = download(url, folder.with_name(folder.name + ".zip"), progress=progress)
    digest = md5_of(archive)
    warnings = []
    if digest not in KNOWN_ARCHIVES:
        known = ", ".join(f"{md5} ({what})" for md5, what in KNOWN_ARCHIVES.items())
        warnings.append(f"{archive.name} has the unknown MD5 {digest}; known: {known}.")
    unpack(archive, folder)
    archive.unlink()
    crops = read_source(folder, "synergy")
    return crops, warnings + _count_warnings(crops)


def download(
    url: str,
    file: str | Path,
    *,
    progress: Progress | None = None,
    attempts: int = 5,
    wait_s: float = 2.0,
) -> Path:
    """Download ``url`` to ``file``, resuming ``file``.partial of an interrupted download.

    progress    called with (bytes so far, bytes in all or 0)
    attempts    tries without a single new byte before it gives up
    wait_s      pause before a further try, in seconds

    What was begun is continued only if the server says that the file is still the same; otherwise
    it starts anew. The size is checked. Raises DataError and keeps the part when it gives up.
    """
    file = Path(file)
    if file.exists():
        return file
    part = file.with_name(file.name + ".partial")
    failures, reason = 0, ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        while failures < attempts:
            before = part.stat().st_size if part.exists() else 0
            try:
                if _continue_download(url, part, progress):
                    part.replace(file)
                    _marker(part).unlink(missing_ok=True)
                    return file
                reason = "the connection ended early"
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    raise DataError(
                        f"{url}: the server answered {error.code} {error.reason}; check the "
                        "address or give another ``url``."
                    ) from error
                reason = f"the server answered {error.code} {error.reason}"
            except (urllib.error.URLError, http.client.HTTPException, ConnectionError) as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
            except TimeoutError:
                reason = "no answer for 30 s"
            grown = part.exists() and part.stat().st_size > before
            failures = 1 if grown else failures + 1
            time.sleep(wait_s if failures < attempts else 0)
    except OSError as error:
        raise DataError(f"{part}: cannot be written ({error.strerror}).") from error
    kept = (
        f"{part.stat().st_size:,} bytes are kept in {part}"
        if part.exists()
        else "nothing was downloaded"
    )
    raise DataError(
        f"{url}: {reason}; {kept}. Run the same command again to resume, or copy the file "
        f"to {file}."
    )


def unpack(archive: str | Path, folder: str | Path, *, limit_gb: float = LIMIT_GB) -> Path:
    """Unpack a zip archive into a new or empty folder, all of it or nothing.

    Refused before a byte is written: members that leave the folder (absolute, "..", drive
    letters), links, more than ``limit_gb`` unpacked or than the disk has free, encrypted members.
    """
    archive, folder = Path(archive), Path(folder)
    new_folder(folder)
    _refuse_other_content(archive)
    try:
        with zipfile.ZipFile(archive) as opened, whole_folder(folder) as partial:
            for member in opened.infolist():
                _refuse_member(archive, member)
            _refuse_size(archive, folder, opened, limit_gb)
            opened.extractall(partial)
    except SameplayerError:
        raise
    except OSError as error:
        raise DataError(f"{folder}: cannot be unpacked here ({error.strerror}).") from error
    except Exception as error:  # zipfile and its decompressors raise many kinds
        raise DataError(
            f"{archive}: a damaged archive ({error or type(error).__name__}); delete it and fetch "
            "it again."
        ) from error
    return folder


def md5_of(file: Path) -> str:
    """Return the MD5 of a file as 32 hexadecimal digits."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest()


def _continue_download(url: str, part: Path, progress: Progress | None) -> bool:
    """Request the missing bytes and append them; return whether the file is complete."""
    have = part.stat().st_size if part.exists() else 0
    marker = _marker(part)
    same = _marked(marker) if have else {}
    headers = {"User-Agent": "sameplayer"}
    if have and same.get("url") == url and same.get("version"):
        headers |= {"Range": f"bytes={have}-", "If-Range": same["version"]}
    else:
        have = 0
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range", "") == f"bytes */{have}":
            return True
        part.unlink()
        return False
    except ValueError as error:
        raise DataError(f"{url}: not an address that can be fetched ({error}).") from error
    with answer:
        if answer.status != 206:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else 0
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        marker.write_text(json.dumps({"url": url, "version": version}))
        with open(part, "r+b" if have else "wb") as file:
            file.seek(have)
            while block := answer.read(_BLOCK):
                file.write(block)
                have += len(block)
                if progress is not None:
                    progress(have, total)
    return have == total or not length


def _marker(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _marked(marker: Path) -> dict[str, str]:
    """Return the address and version of a partial file, if known."""
    try:
        facts = json.loads(marker.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    known = isinstance(facts, dict) and all(isinstance(value, str) for value in facts.values())
    return facts if known else {}


def _refuse_other_content(archive: Path) -> None:
    try:
        with open(archive, "rb") as file:
            head = file.read(200)
    except OSError as error:
        raise DataError(f"{archive}: cannot be read ({error.strerror}).") from error
    if head.startswith(b"version https://git-lfs"):
        raise DataError(
            f"{archive}: a Git LFS pointer, not the archive itself; fetch it with git lfs pull, or "
            "give the address of the content as ``url``."
        )
    if not head.startswith(b"PK"):
        kind = "a web page" if b"<html" in head.lower() or b"<!doc" in head.lower() else "no zip"
        raise DataError(f"{archive}: expected a zip archive, found {kind}; delete it and check.")


def _refuse_member(archive: Path, member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts
    kind = stat.S_IFMT(member.external_attr >> 16)
    if outside:
        what = "would leave the folder"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "is a link or a device"
    elif member.flag_bits & 1:
        what = "is encrypted"
    else:
        return
    raise DataError(f"{archive}: member {name!r} {what}; nothing was unpacked.")


def _refuse_size(archive: Path, folder: Path, opened: zipfile.ZipFile, limit_gb: float) -> None:
    size = sum(member.file_size for member in opened.infolist())
    free = shutil.disk_usage(folder.parent).free
    if size > min(limit_gb * 1e9, free):
        raise DataError(
            f"{archive}: holds {size / 1e9:.1f} GB unpacked; at most {limit_gb:g} GB are allowed "
            f"and {free / 1e9:.1f} GB are free. Nothing was unpacked."
        )


def _count_warnings(crops: Crops) -> list[str]:
    counts = crops.table.groupby(["split", "role"]).size().to_dict()
    return [
        f"{part[0]} {part[1]}: {counts.get(part, 0)} pictures; the challenge has "
        f"{' or '.join(map(str, expected))}."
        for part, expected in SYNERGY_COUNTS.items()
        if counts.get(part, 0) not in expected
    ]
