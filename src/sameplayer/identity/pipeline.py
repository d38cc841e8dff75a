"""From the videos of a match to its player log: who was on screen when, under one identity.

    find_tracklets, sampling on the way -> collect_evidence -> link -> name_identities -> PlayerLog

The slow steps, detection and measuring, are kept in a folder of parts: a stopped run resumes from
it, and a run with corrections only links and names again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from sameplayer._version import __version__
from sameplayer.common.hashing import part_fingerprint
from sameplayer.encoder.encoder import Encoder
from sameplayer.encoder.load import load_encoder
from sameplayer.encoder.runtime.device import place_of
from sameplayer.errors import SettingError
from sameplayer.identity.evidence.collect import CollectedEvidence, collect_evidence
from sameplayer.identity.evidence.samples import name_of, samples_of
from sameplayer.identity.evidence.sampling import SampleCamera
from sameplayer.identity.export.boxes import facts_of_videos
from sameplayer.identity.inputs.corrections import (
    Correction,
    check_cameras,
    check_players,
    locate_corrections,
    read_corrections,
)
from sameplayer.identity.inputs.log_config import LogConfig
from sameplayer.identity.inputs.roster import Roster, read_roster
from sameplayer.identity.linking.confidence import identity_confidence, with_corrections
from sameplayer.identity.linking.constraints import affected_tracklets, build_constraints
from sameplayer.identity.linking.link import link, relink
from sameplayer.identity.log.assemble import assemble
from sameplayer.identity.log.player_log import PlayerLog
from sameplayer.identity.naming.naming import NamingConfig, name_identities
from sameplayer.numbers.reader import NumberReader
from sameplayer.numbers.readers import ReaderSettings, make_reader
from sameplayer.tracks.camera import Camera, cameras_of
from sameplayer.tracks.stream import find_tracklets
from sameplayer.tracks.video.checkpoint import PartFolder

Progress = Callable[[str, float, float], None]


def identify_players(
    videos: str | Path | Sequence[str | Path],
    boxes: Any = None,
    roster: str | Path | pd.DataFrame | Roster | None = None,
    corrections: str | Path | Sequence[Correction] | None = None,
    *,
    offsets: Sequence[float] = (),
    cuts: Any = None,
    field: Any = None,
    config: LogConfig | None = None,
    encoder: Encoder | None = None,
    reader: NumberReader | None = None,
    detector: Any = None,
    sides: Mapping[str, int] | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> PlayerLog:
    """Return who was on screen when, in all videos of a match.

    videos         a file a camera, of one match; one file alone is a match of one camera
    boxes          of the people, as ``find_tracklets`` takes them; None: the detector finds them
    roster         a Roster, or a file or DataFrame; None: people are called "white 7" and so on
    corrections    a file (``read_corrections``) or its rows, which are obeyed
    offsets        seconds, a video: when its first frame is in the match's time; empty: all at 0
    cuts           seconds at which a video goes over to another view; None: they are found
    field          part of the pictures in which people count, as ``find_tracklets`` takes it
    config, encoder, reader, detector    None: ``LogConfig()``, and those that the config names
    sides          team of the roster -> 0, the lighter kit, or 1; None: found by the numbers read
    folder         where parts are kept, so that a stopped run goes on; None: nothing is kept
    progress       called with what is done, such as "linking", and how much of how much

    Raises DataError and SettingError; what is in the folder stays usable.
    """
    _check_types(roster, corrections, config, encoder, reader)
    config, tell = config or LogConfig(), progress or (lambda what, done, whole: None)
    cameras = cameras_of(videos, offsets)
    line_up, rows = _read_inputs(roster, corrections, cameras)
    encoder, reader = load_networks(config, encoder, reader)
    cameras_seen: dict[str, SampleCamera] = {}
    tracklets = find_tracklets(
        cameras,
        boxes,
        fps=config.fps,
        detector=detector or config.detector,
        tile=config.tile_size(),
        cuts=cuts,
        field=field,
        tracker=config.tracker,
        folder=folder,
        progress=partial(tell, "looking at the videos"),
        first_frame=config.first_frame,
        watch=partial(_watch, cameras_seen, encoder, reader),
    )
    tell("linking", 0, 1)
    samples, pictures = samples_of(tracklets, {n: one.parts for n, one in cameras_seen.items()})
    collected = collect_evidence(tracklets, samples, seed=config.seed)
    collected.facts.update(_facts(cameras, config, encoder, reader))
    log = link_and_name(collected, line_up, rows, config, sides)
    tell("linking", 1, 1)
    return replace(log, pictures=pictures)


def _watch(
    seen: dict[str, SampleCamera],
    encoder: Encoder,
    reader: NumberReader,
    camera: Camera,
    parts: PartFolder,
) -> SampleCamera:
    """Return who samples this camera, and note it in ``seen``."""
    return seen.setdefault(camera.name, SampleCamera(encoder, reader, parts))


def _facts(
    cameras: tuple[Camera, ...], config: LogConfig, encoder: Encoder, reader: NumberReader
) -> dict[str, Any]:
    return {
        "sameplayer": __version__,
        "settings": asdict(config),
        "encoder": part_fingerprint(encoder),
        "reader": name_of(reader),
        "videos": facts_of_videos(cameras),
    }


def _check_types(
    roster: object, corrections: object, config: object, encoder: object, reader: object
) -> None:
    """Raise SettingError naming the argument that has an unsupported type."""
    path = isinstance(corrections, str | Path)
    rows = isinstance(corrections, Sequence) and all(isinstance(x, Correction) for x in corrections)
    for name, given, good, expected in (
        (
            "roster",
            roster,
            isinstance(roster, str | Path | pd.DataFrame | Roster),
            "a file, or a Roster",
        ),
        ("corrections", corrections, path or rows, "a file, or a list of Correction"),
        ("config", config, isinstance(config, LogConfig), "a LogConfig"),
        ("encoder", encoder, hasattr(encoder, "embed"), "an Encoder, as load_encoder gives"),
        ("reader", reader, hasattr(reader, "read"), "a number reader, as make_reader gives"),
    ):
        if given is not None and not good:
            raise SettingError(name, f"of type {type(given).__name__}", expected)


def _read_inputs(
    roster: Any, corrections: Any, cameras: Sequence[Camera]
) -> tuple[Roster | None, Sequence[Correction]]:
    """Return roster and corrections; raises for what cannot be before hours are spent on videos."""
    line_up = read_roster(roster) if isinstance(roster, str | Path | pd.DataFrame) else roster
    rows = read_corrections(corrections) if isinstance(corrections, str | Path) else corrections
    check_cameras(rows or (), [camera.name for camera in cameras])
    check_players(rows or (), line_up)
    return line_up, rows or ()


def load_networks(
    config: LogConfig, encoder: Encoder | None = None, reader: NumberReader | None = None
) -> tuple[Encoder, NumberReader]:
    """Return the encoder and the number reader that the settings name, unless given."""
    device = place_of(config.device)
    return (
        encoder or load_encoder(config.encoder, device=device),
        reader or make_reader(config.reader, ReaderSettings(device=device)),
    )


def link_and_name(
    collected: CollectedEvidence,
    roster: Roster | None,
    corrections: Sequence[Correction],
    config: LogConfig,
    sides: Mapping[str, int] | None = None,
) -> PlayerLog:
    """Link and name collected evidence: the last step of ``identify_players``.

    With corrections, only the identities that they touch are linked again.

    Raises DataError naming the corrections that contradict each other, the roster or what was seen.
    """
    evidence, tracklets = collected.evidence, collected.tracklets
    constraints = build_constraints(
        corrections, locate_corrections(corrections, tracklets.table), evidence, roster
    )
    labels = link(evidence, prior_log_odds=config.prior)
    if corrections:
        touched = affected_tracklets(labels, constraints, evidence)
        pairs = {"cannot_link": constraints.cannot_link, "must_link": constraints.must_link}
        labels = relink(evidence, labels, touched, prior_log_odds=config.prior, **pairs)
    first, second = collected.facts["kits"] or ("team A", "team B")
    naming = NamingConfig(
        roster=roster,
        players=config.players,
        sure=config.threshold,
        teams=(first, second, "other"),
        sides=sides,
        fixed_players=constraints.roster_rows(labels),
        fixed_names={} if roster else constraints.names(labels),
    )
    names = name_identities(evidence, labels, tracklets.spans(), naming, constraints.cannot_link)
    sure = identity_confidence(
        evidence, labels, cannot_link=constraints.cannot_link, name_codes=names.codes()
    )
    confirmed = constraints.confirmed(labels)
    sure = with_corrections(sure, constraints.groups(len(labels)), confirmed)
    facts = {
        **collected.facts,
        "corrections": len(corrections),
        "roster_sides": names.sides,
        "notes": [*tracklets.notes, *names.notes],
    }
    return assemble(collected, labels, names, sure, facts, config.threshold, confirmed)
