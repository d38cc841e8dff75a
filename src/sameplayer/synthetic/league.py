"""A league drawn from a seed: crops in the Synergy layout, clips in the MOT layout.

Team mates share a kit, so identity rests on number, skin, hair, build, shoes and sleeves. What
changes from frame to frame is what a colour histogram trusts: light, background, position, pose,
other players in front.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from sameplayer.common.files import new_folder, whole_folder
from sameplayer.data.images.picture import Picture, encode_picture
from sameplayer.errors import DataError
from sameplayer.synthetic.players import Colour, DrawnPerson, FigureView, draw_figure, draw_ground

GAME = 12
KITS = ((200, 30, 40), (30, 60, 190), (235, 235, 235), (30, 30, 35), (240, 190, 30), (20, 130, 70))
SKINS = ((250, 215, 185), (225, 175, 135), (175, 120, 80), (115, 75, 50), (75, 48, 35))
HAIRS = ((25, 20, 18), (80, 50, 30), (200, 165, 90), (150, 75, 40), (120, 120, 120))
SHOES = ((245, 245, 245), (20, 20, 20), (230, 40, 40), (40, 90, 230), (60, 210, 80), (250, 150, 30))


@dataclass(frozen=True)
class DrawnCrop:
    """A crop (h, w, 3) uint8 with where things are: (h, w) bool masks."""

    picture: Picture
    player: np.ndarray
    number: np.ndarray
    occluder: np.ndarray

    def __repr__(self) -> str:
        high, wide = self.picture.shape[:2]
        return f"DrawnCrop({wide} x {high} pixels)"


def draw_league(
    out: str | Path,
    persons: int = 120,
    seed: int = 0,
    *,
    test_persons: int | None = None,
    challenge_persons: int | None = None,
    frames: int = 20,
    attributes: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw a league into ``out``/data_reid and return that folder.

    persons       number of training persons; a third as many (at least 12) in test and challenge
    frames        pictures per person; frame 0 is the query
    attributes    add the columns of ``attributes_of`` to persons.csv, so that ``read_source`` gives
                  them to every picture
    progress      called with (persons drawn, all)

    The pictures come with challenge_truth.csv (image, person) and persons.csv. The same arguments
    give the same bytes. Raises DataError when ``out`` already holds files.
    """
    out = Path(out)
    if persons < 2 or frames < 2:
        raise DataError(f"A league of {persons} persons and {frames} frames; expected 2 or more.")
    third = max(12, persons // 3)
    parts = {
        "training": persons,
        "test": third if test_persons is None else test_persons,
        "challenge": third if challenge_persons is None else challenge_persons,
    }
    with whole_folder(out) as partial:
        _write_league(partial / "data_reid", parts, seed, frames, attributes, progress)
    return out / "data_reid"


def draw_crop(number: int, frame: int, seed: int = 0) -> DrawnCrop:
    """Draw frame ``frame`` of person ``number`` with masks; all is decided by the arguments."""
    person = make_person(number, seed)
    rng = np.random.default_rng((seed, 2, number, frame))
    high = int(rng.integers(100, 210))
    wide = int(high * rng.uniform(0.38, 0.5))
    canvas = draw_ground(high, wide, np.random.default_rng((seed, 3, number, frame)))
    blank = np.zeros((high, wide), bool)
    if rng.random() < 0.35:
        draw_figure(canvas, _mate(number, rng, seed), _view(rng, high, wide, aside=True))
    view = _view(rng, high, wide)
    player, digits = draw_figure(canvas, person, view)
    occluder = blank
    if rng.random() < 0.3:
        side = _view(rng, high, wide, aside=True)
        occluder, _ = draw_figure(canvas, _mate(number, rng, seed), side)
    picture = _spoil(canvas, rng)
    return DrawnCrop(picture, player & ~occluder, digits & ~occluder, occluder)


def draw_clip(
    out: str | Path,
    seed: int = 0,
    *,
    players: int = 8,
    frames: int = 30,
    size: tuple[int, int] = (640, 360),
) -> Path:
    """Draw a short clip of walking players in the MOT layout: img1/, gt/gt.txt, seqinfo.ini.

    size is (width, height) in pixels. Raises DataError when ``out`` already holds files.
    """
    out, (wide, high) = Path(out), size
    new_folder(out)
    (out / "img1").mkdir(parents=True, exist_ok=True)
    (out / "gt").mkdir(exist_ok=True)
    rng = np.random.default_rng((seed, 5))
    ground = draw_ground(high, wide, rng)
    places = rng.uniform((0.1, 0.5), (0.9, 0.95), (players, 2)) * (wide, high)
    speeds = rng.uniform(-4, 4, (players, 2)) * (1, 0.4)
    lines = []
    for frame in range(1, frames + 1):
        picture = ground.copy()
        for player in np.argsort(places[:, 1]):
            body = high * (0.25 + 0.2 * places[player, 1] / high)
            foot_x, foot_y = places[player]
            view = FigureView(foot_x, foot_y, body, 0, 0.5 * np.sin(frame / 3 + player))
            mask, _ = draw_figure(picture, make_person(player, seed), view)
            rows, columns = np.nonzero(mask)
            if len(rows):
                x, y = columns.min(), rows.min()
                box = f"{x},{y},{columns.max() - x + 1},{rows.max() - y + 1}"
                lines.append(f"{frame},{player + 1},{box},1,1,1")
        places = np.clip(places + speeds, (20, high * 0.45), (wide - 20, high - 4))
        (out / "img1" / f"{frame:06d}.jpg").write_bytes(encode_picture(picture, ".jpg"))
    (out / "gt" / "gt.txt").write_text("\n".join(lines) + "\n")
    facts = f"name={out.name}\nimDir=img1\nframeRate=25\nseqLength={frames}\n"
    facts += f"imWidth={wide}\nimHeight={high}\nimExt=.jpg\n"
    (out / "seqinfo.ini").write_text("[Sequence]\n" + facts)
    return out


def make_person(number: int, seed: int) -> DrawnPerson:
    """Return person ``number`` of the league: GAME persons a game, two teams and referees."""
    game, place = divmod(number, GAME)
    rng = np.random.default_rng((seed, 1, number))
    team_rng = np.random.default_rng((seed, 4, game))
    first, second = team_rng.choice(len(KITS), 2, replace=False)
    referee = place >= GAME - 1
    kit = (130, 130, 135) if referee else KITS[first if place % 2 else second]
    trim = KITS[int(team_rng.integers(len(KITS)))]
    return DrawnPerson(
        kit=kit,
        trim=trim,
        skin=SKINS[int(rng.integers(len(SKINS)))],
        hair=HAIRS[int(rng.integers(len(HAIRS)))],
        hair_style=int(rng.integers(4)),
        shoes=SHOES[int(rng.integers(len(SHOES)))],
        socks=SHOES[int(rng.integers(len(SHOES)))],
        socks_height=float(rng.uniform(0.1, 0.8)),
        sleeve=SHOES[int(rng.integers(len(SHOES)))] if rng.random() < 0.4 else None,
        headband=SHOES[int(rng.integers(len(SHOES)))] if rng.random() < 0.3 else None,
        number="" if referee else str(int(rng.integers(0, 100))),
        girth=float(rng.uniform(0.8, 1.25)),
        referee=referee,
    )


def _mate(number: int, rng: np.random.Generator, seed: int) -> DrawnPerson:
    game = number // GAME
    other = game * GAME + int(rng.integers(GAME))
    return make_person(other if other != number else game * GAME + (number + 1) % GAME, seed)


def _view(rng: np.random.Generator, high: int, wide: int, *, aside: bool = False) -> FigureView:
    body = high * rng.uniform(0.82, 0.98)
    foot = high * rng.uniform(0.96, 1.04)
    shift = rng.choice((-1, 1)) * rng.uniform(0.38, 0.6) if aside else rng.uniform(-0.1, 0.1)
    turn, step = rng.uniform(-0.8, 0.8), rng.uniform(-0.6, 0.6)
    return FigureView(wide * (0.5 + shift), foot, body, float(turn), float(step))


def _spoil(canvas: Picture, rng: np.random.Generator) -> Picture:
    """Light, white balance, blur, noise and scale of one frame."""
    light = canvas.astype(np.float32) * rng.uniform(0.6, 1.25) * rng.uniform(0.85, 1.15, 3)
    light += rng.uniform(-15, 25)
    length = int(rng.integers(1, 6))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    light = cv2.filter2D(light, -1, kernel) + rng.normal(0, rng.uniform(1, 7), light.shape)
    picture = np.clip(light, 0, 255).astype(np.uint8)
    small = rng.uniform(0.5, 1)
    size = (picture.shape[1], picture.shape[0])
    less = cv2.resize(picture, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
    return cv2.resize(less, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def _write_league(
    root: Path,
    parts: dict[str, int],
    seed: int,
    frames: int,
    attributes: bool,
    progress: Callable[[int, int], None] | None,
) -> None:
    total, done, first = sum(parts.values()), 0, 0
    facts, truth = [], ["image,person"]
    shuffled = np.random.default_rng((seed, 6)).permutation(parts["challenge"] * frames)
    for split, count in parts.items():
        for place, number in enumerate(range(first, first + count)):
            person = make_person(number, seed)
            team = "referees" if person.referee else "ab"[number % GAME % 2]
            kind = "referee" if person.referee else "player"
            row = {"person": number + 1, "game": number // GAME, "team": team}
            row |= {"number": person.number, "kind": kind}
            facts.append(row | attributes_of(person) if attributes else row)
            for frame in range(frames):
                part = "" if split == "training" else ("gallery" if frame else "query")
                name = f"{number + 1:04d}_{number + 1:04d}_{frame:02d}.jpeg"
                if split == "challenge":
                    name = f"{1000 + shuffled[place * frames + frame]}.jpeg"
                    truth.append(f"{part}/{name},{number + 1}")
                folder = root / f"reid_{split}" / part
                folder.mkdir(parents=True, exist_ok=True)
                _write_jpeg(folder / name, draw_crop(number, frame, seed).picture, number, frame)
            done += 1
            if progress is not None:
                progress(done, total)
        first += -(-count // GAME) * GAME
    pd.DataFrame(facts).to_csv(root / "persons.csv", index=False)
    (root / "challenge_truth.csv").write_text("\n".join(truth) + "\n")


def _write_jpeg(path: Path, picture: Picture, number: int, frame: int) -> None:
    quality = 55 + (number * 7 + frame * 13) % 40
    path.write_bytes(encode_picture(picture, ".jpeg", quality))


KIT_NAMES = ("red", "blue", "white", "black", "yellow", "green")
SKIN_NAMES = ("1 lightest", "2 light", "3 middle", "4 dark", "5 darkest")
HAIR_NAMES = ("black", "brown", "blond", "ginger", "grey")
BUILDS = ((0.95, "slim"), (1.1, "middle"), (9.9, "broad"))  # girths up to each


def attributes_of(person: DrawnPerson) -> dict[str, str]:
    """Return the columns kit, skin, hair, build, sleeve and headband of one person.

    hair is "none" where no hair is drawn; a colour without a name is given as #rrggbb.
    """
    named = {"kit": (person.kit, KITS, KIT_NAMES), "skin": (person.skin, SKINS, SKIN_NAMES)}
    attributes = {name: _name(*colours) for name, colours in named.items()}
    attributes["kit"] = "referee" if person.referee else attributes["kit"]
    attributes["hair"] = _name(person.hair, HAIRS, HAIR_NAMES) if person.hair_style else "none"
    attributes["build"] = next(name for most, name in BUILDS if person.girth <= most)
    attributes["sleeve"] = "no" if person.sleeve is None else "yes"
    attributes["headband"] = "no" if person.headband is None else "yes"
    return attributes


def _name(colour: Colour, colours: tuple[Colour, ...], names: tuple[str, ...]) -> str:
    known = dict(zip(colours, names, strict=False))
    return known.get(colour, "#{:02x}{:02x}{:02x}".format(*colour))
