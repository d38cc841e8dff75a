"""The verb that scores a log of players against the truth."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import tyro


def log_score(
    log: tyro.conf.Positional[
        Annotated[Path, tyro.conf.arg(metavar="LOG", help="Folder of a log.")]
    ],
    truth: tyro.conf.Positional[
        Annotated[
            tuple[Path, ...],
            tyro.conf.arg(
                metavar="TRUTH [TRUTH ...]",
                help="True boxes with a track id per person, in any format that log --boxes reads: "
                "a file per camera, or one with a column camera.",
            ),
        ]
    ],
    names: Path | None = None,
    iou: float = 0.5,
    json: Path | None = None,
) -> None:
    """Score a log against the truth: HOTA, AssA, IDF1, purity, names and their calibration.

    Args:
        names: Table with the columns track, team and number: who each true person is (.csv or
            .xlsx). None: team and number as the true boxes have them.
        iou: Overlap (intersection over union) from which a box shows a person, over 0, at most 1.
        json: Write the scores here as JSON.
    """
    from sameplayer.common.files import write_text
    from sameplayer.evaluation.logs.naming_scores import score_log
    from sameplayer.evaluation.logs.truth import read_truth
    from sameplayer.identity.log.log_files import load_log

    loaded = load_log(log)
    scores = score_log(loaded, read_truth(truth, loaded, names), iou)
    if json is not None:
        write_text(json, json_module.dumps(scores.as_dict(), indent=2) + "\n")
    print(scores.table())
