"""The real soccer pair: who is under one identity in both cameras, and who was merged wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sameplayer.evaluation.logs.tracking_scores import find_overlaps, match_boxes
from sameplayer.identity.log.player_log import PlayerLog

LABELS = Path(__file__).parents[1] / "real" / "soccer_two_cameras.csv"
ENOUGH = 8  # boxes of a person in each camera, to be asked for


def pair_labels() -> pd.DataFrame:
    """Return the labelled boxes, cameras called as their videos are."""
    labels = pd.read_csv(LABELS, dtype={"number": str}, keep_default_na=False)
    return labels.assign(camera=labels["camera"] + "_camera")


def pair_scores(log: PlayerLog, labels: pd.DataFrame) -> dict[str, Any]:
    """Return who is under one identity in both cameras, and which identities show two persons."""
    facts = log.appearances.set_index("appearance")
    boxes = log.boxes.reset_index(drop=True)
    boxes = boxes.assign(identity=facts["identity"].reindex(boxes["appearance"]).to_numpy())
    matched = match_boxes(find_overlaps(labels, boxes), len(labels))
    rows = np.flatnonzero(matched >= 0)
    met = boxes.loc[matched[rows], ["appearance", "identity", "camera"]].reset_index(drop=True)
    met["person"] = labels["person"].to_numpy()[rows]
    counts = labels.groupby(["person", "camera"]).size().unstack(fill_value=0)
    asked = counts.index[(counts >= ENOUGH).all(axis=1)]
    main = met.groupby(["person", "camera"])["identity"].agg(lambda own: own.mode().iloc[0])
    main = main.unstack().reindex(asked)
    linked = main.index[main.nunique(axis=1).eq(1) & main.notna().all(axis=1)]
    shows = met.groupby("appearance").agg(
        identity=("identity", "first"), person=("person", lambda own: own.mode().iloc[0])
    )
    people = shows.groupby("identity")["person"].agg(lambda own: sorted(set(own)))
    sure = facts["sure"].reindex(shows.index).astype(bool)
    firm = shows[sure].groupby("identity")["person"].agg(lambda own: sorted(set(own)))
    return {
        "persons whom both show": len(asked),
        "under one identity in both": len(linked),
        "not linked": {
            person: main.loc[person].to_dict() for person in asked if person not in set(linked)
        },
        "identities of two persons": {key: own for key, own in people.items() if len(own) > 1},
        "the same among sure ones": {key: own for key, own in firm.items() if len(own) > 1},
        "labelled boxes found": round(len(rows) / len(labels), 3),
        "identities": int(facts["identity"].nunique()),
    }
