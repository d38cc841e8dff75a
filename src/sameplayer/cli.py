"""The command line: VERBS, a verb -> the function that parses, calls and shows."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import tyro

from sameplayer.commands import (
    data,
    encoder,
    log,
    maps,
    numbers,
    ranking,
    robustness,
    serve,
    training,
)
from sameplayer.commands import export as exporting
from sameplayer.errors import SameplayerError, SettingError

VERBS: dict[str, Callable[..., Any]] = {
    "synth": data.synth,
    "synth-match": data.synth_match,
    "fetch": data.fetch,
    "check": data.check,
    "split": data.split,
    "presets": encoder.presets,
    "train": training.train,
    "evaluate": ranking.evaluate,
    "search": ranking.search,
    "embed": ranking.embed,
    "rerank": ranking.rerank,
    "fuse": ranking.fuse,
    "submit": ranking.submit,
    "compare": training.compare,
    "robustness": robustness.robustness,
    "robustness-numbers": robustness.robustness_numbers,
    "same": encoder.same,
    "calibrate": encoder.calibrate,
    "find-rate": training.find_rate,
    "soup": training.soup,
    "export": exporting.export,
    "show-batch": training.show_batch,
    "explain": maps.explain,
    "explain-query": maps.explain_query,
    "jersey": numbers.jersey,
    "log": log.log,
    "log-export": log.log_export,
    "serve": serve.serve,
    "demo": training.demo,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status.

    0: done; 1: check found problems; 2: bad input; 130: stopped by Ctrl-C; 141: whoever read the
    output went away.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except SettingError as error:
        print(f"sameplayer: --{error.name.strip('_').replace('_', '-')} {error.rest}",
              file=sys.stderr)  # fmt: skip
        return 2
    except SameplayerError as error:
        print(f"sameplayer: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the last flush, at exit
        return 141
    except KeyboardInterrupt:
        print(
            "sameplayer: stopped; finished files are whole, nothing half-written is left.",
            file=sys.stderr,
        )
        return 130


def _run(arguments: list[str]) -> int:
    verb = arguments[0] if arguments else ""
    verbs = {name: _only_named(function) for name, function in VERBS.items()}
    if verb in VERBS:  # the flags of the other verbs need not be worked out
        verbs[verb] = training.train_for(arguments) if verb == "train" else VERBS[verb]
    result = tyro.extras.subcommand_cli_from_dict(
        verbs,
        args=arguments,
        prog="sameplayer",
        description="Tells which pictures show the same player, and why.",
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagConversionOff),
    )
    return result if isinstance(result, int) else 0


def _only_named(function: Callable[..., Any]) -> Callable[[], None]:
    """Return a verb without arguments, for the list of verbs."""

    def named() -> None: ...

    named.__doc__ = (function.__doc__ or "").split("\n\n")[0]
    return named


if __name__ == "__main__":
    sys.exit(main())
