"""SOURCES: the layouts of data sets that are read, each into one crop table.

Every table gets the columns ``split`` (training, valid, test, challenge) and, where files carry
one, ``id``. Where a layout has no cameras, they stay unknown: an unknown camera never equals a
query's own. Hidden files and folders, such as .ipynb_checkpoints, are left out. A file persons.csv
in the root with a column ``person`` gives its other columns, such as game, team and number, to
every picture of the persons that it names.

Add a layout of your own as an entry; it is tried before the built-in ones:

    SOURCES["mine"] = Source("scores.db beside crops/", recognise, read)
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from sameplayer.data.annotations.read import ARCHIVES, detect_format
from sameplayer.data.columns import (
    BOX,
    SCOPES,
    compose_names,
    unmatched_names,
    without_decimal_points,
)
from sameplayer.data.crop_files import CROP_ALIASES, is_crop_table
from sameplayer.data.crops import Crops, read_crops
from sameplayer.data.images.picture import PICTURE_SUFFIXES
from sameplayer.data.layouts import mot, person_folders
from sameplayer.data.layouts.file_names import FACTS, LAYOUTS, has_layout, read_layout
from sameplayer.data.layouts.listing import file_names, folders, is_picture, shown
from sameplayer.data.tabular.read_table import read_table
from sameplayer.data.video.frames import VIDEO_SUFFIXES
from sameplayer.errors import (
    ConfigError,
    DataError,
    MissingFile,
    SettingError,
    did_you_mean,
    refuse_other_types,
)

LOG = "'sameplayer log' finds people in video, and writes their crops with --crops"
TRIED = 100  # folders or files that are looked at to say why a folder has no layout

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A layout: a description, a test whether a path has it, and its reader.

    what         ends the sentence "expected ..." in messages
    recognise    called with a file or folder that is there; whether it has the layout
    read         called with such a path; raises DataError for what it cannot read
    """

    what: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path], Crops]


def as_crops(crops: Crops | str | Path) -> Crops:
    """Return crops as given, or read from a folder or file with ``read_source``."""
    return crops if isinstance(crops, Crops) else read_source(crops)


def read_source(
    path: str | Path, source: str | None = None, scope: str | None = None, *, warn: bool = True
) -> Crops:
    """Read a folder or table of crops.

    source    one of SOURCES; None: detected from the files
    scope     "set", "game" or "sequence", where a person id holds; None: as the layout says
    warn      log a warning for each of the notes; else they are in ``Crops.notes`` only

    Raises MissingFile, DataError that lists what was looked for when nothing fits, SettingError
    for an unknown scope.
    """
    refuse_other_types("read_source", path=(path, (str, Path)))
    path = Path(path)
    if scope not in (None, "set", *SCOPES):
        raise SettingError("scope", repr(scope), "set, game or sequence")
    if source is not None and source not in SOURCES:
        known = ", ".join(SOURCES)
        hint = did_you_mean(source, SOURCES)
        raise DataError(f"Source {source!r} is unknown.{hint} Sources: {known}.")
    if not path.exists():
        raise MissingFile(f"{path}: no such folder or table.")
    try:
        crops = _read(path, source)
    except OSError as error:
        where = error.filename or path
        raise DataError(f"{where}: cannot be read ({error.strerror or error}).") from error
    for note in crops.notes if warn else ():
        log.warning("%s: %s", path, note)
    return crops if scope is None else replace(crops, scope=None if scope == "set" else scope)


def _read(path: Path, source: str | None) -> Crops:
    if path.is_dir() and not any(path.iterdir()):
        raise DataError(f"{path}: the folder is empty; expected pictures or a known layout.")
    name = _recognised(path) if source is None else source
    layout = SOURCES[name]
    if path.is_file() and source is not None and not layout.recognise(path):
        raise DataError(f"{path}: a file; expected {layout.what}.")
    crops = layout.read(path)
    if not isinstance(crops, Crops):
        kind = type(crops).__name__
        raise ConfigError(f"Source {name!r} gave a {kind}; expected Crops from its function read.")
    if len(crops) == 0:
        notes = " ".join(("", *crops.notes))
        raise DataError(f"{path}: no pictures found; expected {layout.what}.{notes}")
    if name != "table":
        crops = _with_facts(replace(crops, source=name))
    return crops


def _recognised(path: Path) -> str:
    name = _layout(path)
    if name is not None:
        return name
    looked = "\n".join(f"  {name:<12} {layout.what}" for name, layout in SOURCES.items())
    raise DataError(f"{path}: no known layout.{_hint(path)} Looked for:\n{looked}")


def _layout(path: Path) -> str | None:
    for name in sorted(SOURCES, key=lambda name: name in _BUILT_IN):
        if SOURCES[name].recognise(path):
            return name
    return None


def _hint(path: Path) -> str:
    """Return a hint on what a file is instead, or what a folder lacks."""
    if path.is_file():
        return _hint_of_file(path)
    for folder in folders(path)[:TRIED]:
        name = _layout(folder)
        if name is not None:
            return f" The folder {shown(folder.name)} in it has one, {name}: name that folder."
    names = list(islice(file_names(path), TRIED))
    loose = [name for name in names if is_picture(name) and "/" not in name]
    if loose:
        return f" Pictures lie in no person's folder, such as {shown(loose[0])}."
    if not names or any(map(is_picture, names)):
        return ""
    videos = [name for name in names if name.lower().endswith(VIDEO_SUFFIXES)]
    if videos:
        return f" Videos, such as {shown(videos[0])}, have no boxes beside them; {LOG}."
    boxes = next((name for name in names if detect_format(path / name)), None)
    if boxes is not None:
        return f" Boxes, such as {shown(boxes)}, have neither pictures nor a video beside them."
    kinds = ", ".join(PICTURE_SUFFIXES)
    return f" None of its files is a picture, such as {shown(names[0])}; pictures end in {kinds}."


def _hint_of_file(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return f" It is a video; {LOG}."
    if suffix in ARCHIVES:
        return " It is an archive: unpack it, and name the folder."
    if is_picture(path.name):
        return " It is a picture: name a folder of pictures."
    if detect_format(path):
        return " It holds boxes: name the folder in which they lie beside their pictures or video."
    return ""


def _with_facts(crops: Crops) -> Crops:
    """Add the columns of persons.csv in the root to the pictures of its persons."""
    path = crops.root / FACTS
    if not path.is_file():
        return crops
    read = read_table(path, {"person": CROP_ALIASES["person"]}, what="table of persons")
    facts, notes = read.table, [f"persons.csv: {note}" for note in read.notes]
    known = {"image", "role", "split", "frame", *BOX} & set(facts.columns)
    if "person" not in facts.columns or known:
        wrong = f"found {', '.join(sorted(known or facts.columns))}"
        raise DataError(f"{path}: expected a column 'person' and facts of persons only; {wrong}.")
    person, more = without_decimal_points(compose_names(facts["person"]))
    facts["person"] = person
    twice = facts["person"][facts["person"].duplicated() & facts["person"].notna()]
    if len(twice):
        raise DataError(
            f"{path}: person {twice.iat[0]} is listed twice; expected one row per person."
        )
    table = crops.table
    by_person = facts.dropna(subset="person").set_index("person").astype("string")
    for name in by_person.columns:
        fact = table["person"].map(by_person[name]).astype("string")
        table[name] = fact.fillna(table[name].astype("string")) if name in table else fact
    shown = table["person"].dropna().unique().tolist()
    notes += [*more, unmatched_names(shown, by_person.index, "the pictures", "persons.csv")]
    if table["person"].notna().all():  # else the others may be in pictures whose person is hidden
        notes.append(unmatched_names(by_person.index, shown, "persons.csv", "the pictures"))
    return replace(crops, table=table, notes=(*crops.notes, *filter(None, notes)))


SOURCES: dict[str, Source] = {
    "table": Source(
        "a .csv, .tsv, .xlsx or .parquet file with a column 'image'",
        lambda path: path.is_file() and is_crop_table(path),
        read_crops,
    ),
    **{
        name: Source(layout.what, partial(has_layout, name), partial(read_layout, name))
        for name, layout in LAYOUTS.items()
    },
    "msmt17": Source(person_folders.MSMT17, person_folders.has_msmt17, person_folders.read_msmt17),
    "mot": Source(mot.MOT, mot.has_mot, mot.read_mot),
    "folder": Source(
        person_folders.FOLDER, person_folders.has_person_folders, person_folders.read_folder
    ),
}
_BUILT_IN = frozenset(SOURCES)
