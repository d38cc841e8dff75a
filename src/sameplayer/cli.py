"""The command line: VERBS, a verb -> the function that parses, calls and shows."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import tyro

from sameplayer.commands import data, maps, numbers, scale, serve
from sameplayer.commands.gallery import ask as gallery_ask
from sameplayer.commands.gallery import audit as gallery_audit
from sameplayer.commands.gallery import gallery
from sameplayer.commands.gallery import people as gallery_people
from sameplayer.commands.gallery import tokens as gallery_tokens
from sameplayer.commands.model import encoder, training
from sameplayer.commands.model import export as exporting
from sameplayer.commands.score import open_set as opening
from sameplayer.commands.score import ranking, robustness
from sameplayer.commands.shared import lines_shown
from sameplayer.commands.video import log, pilot
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
    "open-set": opening.open_set,
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
    "pilot": pilot.pilot,
    "serve": serve.serve,
    "demo": training.demo,
}
GROUP_WORDS = {
    "gallery": "Who is this? A lasting gallery of known players, honest about the unknown.",
    "scale": "Embed, read numbers and re-rank in blocks, on many cores or machines.",
}
GROUPS: dict[str, dict[str, Callable[..., Any]]] = {
    "gallery": {
        **gallery.VERBS,
        "ask": gallery_ask.ask,
        **gallery_people.VERBS,
        "audit": gallery_audit.audit,
        **gallery_tokens.VERBS,
    },
    "scale": scale.VERBS,
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
        print(
            f"sameplayer: --{error.name.strip('_').replace('_', '-')} {error.rest}", file=sys.stderr
        )
        return 2
    except SameplayerError as error:
        print(f"sameplayer: {lines_shown(str(error))}", file=sys.stderr)
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
    if verb in GROUPS:
        words, flags = GROUP_WORDS[verb], tyro.conf.FlagCreatePairsOff
        return _run_one(GROUPS[verb], {}, arguments[1:], f"sameplayer {verb}", words, flags)
    words = "Tells which pictures show the same player, and why."
    flags = tyro.conf.FlagConversionOff
    return _run_one(VERBS, GROUP_WORDS, arguments, "sameplayer", words, flags)


def _run_one(
    verbs: dict[str, Callable[..., Any]],
    others: dict[str, str],
    arguments: list[str],
    prog: str,
    words: str,
    flags: Any,
) -> int:
    """Run one of some verbs; the flags of the other verbs need not be worked out."""
    verb = arguments[0] if arguments else ""
    listed = {name: function.__doc__ or "" for name, function in verbs.items()} | others
    known = {name: _only_named(text) for name, text in listed.items()}
    if verb in verbs:
        known[verb] = training.train_for(arguments) if verb == "train" else verbs[verb]
    result = tyro.extras.subcommand_cli_from_dict(
        known,
        args=arguments,
        prog=prog,
        description=words,
        config=(tyro.conf.OmitArgPrefixes, flags),
    )
    return result if isinstance(result, int) else 0


def _only_named(words: str) -> Callable[..., Any]:
    """Return a verb without arguments, for the list of verbs."""

    def named() -> None: ...

    named.__doc__ = words.split("\n\n")[0]
    return named


if __name__ == "__main__":
    sys.exit(main())
