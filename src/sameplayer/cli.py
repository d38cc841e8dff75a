"""The command line: COMMANDS, a verb -> the function that parses, calls and shows."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import tyro

from sameplayer.commands import data, explain, ranking, training
from sameplayer.errors import SameplayerError
from sameplayer.training.config import TrainConfig

COMMANDS: dict[str, Callable[..., Any]] = {
    "synth": data.synth,
    "fetch": data.fetch,
    "check": data.check,
    "split": data.split,
    "train": training.train_command(TrainConfig()),
    "evaluate": ranking.evaluate,
    "embed": ranking.embed,
    "rerank": ranking.rerank,
    "fuse": ranking.fuse,
    "submit": ranking.submit,
    "compare": training.compare,
    "find-rate": training.find_rate,
    "soup": training.soup,
    "show-batch": training.show_batch,
    "explain": explain.explain,
    "jersey": explain.jersey,
    "demo": training.demo,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, 1 (check found problems), 2 (bad input) or 130 (Ctrl-C)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        commands = dict(COMMANDS)
        if arguments[:1] == ["train"]:
            commands["train"] = training.train_command(training.config_defaults(arguments))
        result = tyro.extras.subcommand_cli_from_dict(
            commands,
            args=arguments,
            prog="sameplayer",
            description="Tells which pictures show the same player, and why.",
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagConversionOff),
        )
        return result if isinstance(result, int) else 0
    except SameplayerError as error:
        print(f"sameplayer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "sameplayer: stopped; finished files are whole, nothing half-written is left.",
            file=sys.stderr,
        )
        return 130


if __name__ == "__main__":
    sys.exit(main())
