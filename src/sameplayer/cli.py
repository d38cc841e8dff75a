"""The command line: VERBS, a verb -> the function that parses, calls and shows."""

from __future__ import annotations

import difflib
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import tyro

from sameplayer._version import __version__
from sameplayer.commands import data, maps, numbers, scale, serve
from sameplayer.commands.gallery import ask as gallery_ask
from sameplayer.commands.gallery import audit as gallery_audit
from sameplayer.commands.gallery import gallery
from sameplayer.commands.gallery import people as gallery_people
from sameplayer.commands.gallery import tokens as gallery_tokens
from sameplayer.commands.model import encoder, training
from sameplayer.commands.model import export as exporting
from sameplayer.commands.score import log_score, ranking, robustness
from sameplayer.commands.score import open_set as opening
from sameplayer.commands.shared import lines_shown, switched
from sameplayer.commands.video import log, pilot
from sameplayer.errors import SameplayerError, SettingError, missing_extra

TRAIN = ("torch", "torchvision", "timm")  # what the extra of this name brings
TASKS: dict[str, dict[str, Callable[..., Any]]] = {
    "Match video": {
        "log": log.log,
        "log-export": log.log_export,
        "log-score": log_score.log_score,
        "jersey": numbers.jersey,
        "pilot": pilot.pilot,
        "synth-match": data.synth_match,
    },
    "Known players": {"same": encoder.same, "explain": maps.explain, "serve": serve.serve},
    "Data sets": {
        "check": data.check,
        "split": data.split,
        "fetch": data.fetch,
        "synth": data.synth,
    },
    "Training": {
        "train": training.train,
        "presets": encoder.presets,
        "find-rate": training.find_rate,
        "show-batch": training.show_batch,
        "soup": training.soup,
        "calibrate": encoder.calibrate,
        "export": exporting.export,
    },
    "Ranking": {
        "embed": ranking.embed,
        "search": ranking.search,
        "rerank": ranking.rerank,
        "fuse": ranking.fuse,
        "submit": ranking.submit,
        "explain-query": maps.explain_query,
    },
    "Scores": {
        "evaluate": ranking.evaluate,
        "compare": training.compare,
        "open-set": opening.open_set,
        "robustness": robustness.robustness,
        "robustness-numbers": robustness.robustness_numbers,
        "demo": training.demo,
    },
}
"""Task -> verb -> function; ``sameplayer --help`` lists them so."""
VERBS = {name: function for verbs in TASKS.values() for name, function in verbs.items()}
FIRST = ("demo", "log", "evaluate")
GROUP_WORDS = {
    "gallery": "Keep known players, ask who a picture shows, correct, forget.",
    "scale": "Embed, read numbers and re-rank in blocks, on many cores or machines.",
}
GROUP_TASKS = {"gallery": "Known players", "scale": "Ranking"}
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

    0: done; 1: check found problems; 2: bad input or no verb; 130: stopped by Ctrl-C; 141: the
    reader of the output went away.
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
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in TRAIN:
            raise
        print(f"sameplayer: {missing_extra(module, 'train', 'This', error)}", file=sys.stderr)
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
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    if verb in ("-h", "--help"):
        print(_overview())
        return 0 if arguments else 2
    if verb == "--version":
        print(f"sameplayer {__version__}")
        return 0
    if verb in GROUPS:
        return _run_group(verb, rest)
    if verb not in VERBS:
        raise SameplayerError(_unknown(verb, [*VERBS, *GROUPS], "sameplayer"))
    function = training.train_for(arguments) if verb == "train" else VERBS[verb]
    return _call(function, rest, f"sameplayer {verb}")


def _run_group(group: str, arguments: list[str]) -> int:
    verbs = GROUPS[group]
    if arguments and arguments[0] in verbs:
        return _call(verbs[arguments[0]], arguments[1:], f"sameplayer {group} {arguments[0]}")
    if arguments and arguments[0] not in ("-h", "--help"):
        raise SameplayerError(_unknown(arguments[0], list(verbs), f"sameplayer {group}"))
    lines = [f"usage: sameplayer {group} VERB ...", "", GROUP_WORDS[group], ""]
    print("\n".join([*lines, *_listed({name: _first(verb) for name, verb in verbs.items()})]))
    return 0 if arguments else 2


def _call(function: Callable[..., Any], arguments: list[str], prog: str) -> int:
    result = tyro.cli(
        function, prog=prog, args=switched(function, arguments), config=(tyro.conf.OmitArgPrefixes,)
    )
    return result if isinstance(result, int) else 0


def _unknown(verb: str, known: list[str], prog: str) -> str:
    near = difflib.get_close_matches(verb, known, 1)
    guess = f" Did you mean {near[0]}?" if near else ""
    return f"{verb} is no verb.{guess} {prog} --help lists them."


def _overview() -> str:
    """Return what ``sameplayer --help`` shows: the verbs by task."""
    first = {name: _first(VERBS[name]) for name in FIRST}
    lines = [
        "usage: sameplayer VERB ...",
        "",
        "Tells which pictures show the same player, and why.",
    ]
    lines += ["", "Start with", *_listed(first)]
    for task, verbs in TASKS.items():
        words = {name: _first(verb) for name, verb in verbs.items()}
        words |= {name: GROUP_WORDS[name] for name, own in GROUP_TASKS.items() if own == task}
        lines += ["", task, *_listed(words)]
    return "\n".join([*lines, "", "sameplayer VERB --help shows the flags of a verb."])


def _first(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split("\n\n")[0].split())


def _listed(words: dict[str, str]) -> list[str]:
    width = max(shutil.get_terminal_size().columns, 60)
    lines = []
    for name, text in words.items():
        first, *others = textwrap.wrap(text, width - 24)
        lines += [f"  {name:<20}  {first}", *(" " * 24 + line for line in others)]
    return lines


if __name__ == "__main__":
    sys.exit(main())
