"""Work in processes of its own, each forked from one that has loaded everything once."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from sameplayer.data.layouts.sources import read_source
from sameplayer.training.losses.info_nce import backward
from sameplayer.training.processes import join_processes, sum_gradients
from sameplayer.training.run.train import train
from sameplayer.training.sampling import plan
from tests.training.small_runs import QUICK
from tests.training.test_info_nce import (
    PAIRS,
    criterion,
    erased_images,
    gradients,
    of_persons,
    tower,
)

SECONDS = 240


def apart(work: Callable[..., Any], *given: Any, processes: int = 1) -> list[Any]:
    """Run a function in new processes that know each other; return what it gives in each.

    No process has run anything of torch before, as autograd's threads do not outlive a fork.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    shared |= {"WORLD_SIZE": str(processes), "GLOO_SOCKET_IFNAME": "lo"}
    started = []
    for rank in range(processes):
        ours, theirs = context.Pipe(duplex=False)
        own = shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        process = context.Process(target=_told, args=(theirs, own, work, given))
        process.start()
        theirs.close()
        started.append((process, ours))
    return [_answer(*one) for one in started]


def _told(answers: Connection, variables: dict[str, str], work: Any, given: tuple) -> None:
    os.environ.update(variables)
    torch.set_num_threads(1)
    try:
        answers.send((True, work(*given)))
    except BaseException:
        answers.send((False, traceback.format_exc()))


def _answer(process: Any, answers: Connection) -> Any:
    assert answers.poll(SECONDS), f"no answer within {SECONDS} s"
    done, answer = answers.recv()
    process.join(SECONDS)
    assert done, answer
    assert process.exitcode == 0
    return answer


def learn(chunk: int | None, folder: Path, name: str, bucket: int) -> None:
    """Write the gradients of this process's share of a batch."""
    with join_processes("cpu") as process:
        model, loss = tower(), criterion(name)
        images, share = erased_images(), PAIRS // process.world
        mine = torch.arange(process.rank * share, (process.rank + 1) * share)
        images = images[torch.cat([mine, mine + PAIRS])]
        outcome = backward(model, images, of_persons(loss), chunk=chunk, model=model)
        sum_gradients(model, loss, bucket)
        torch.save([outcome.loss, *gradients(model, loss)], folder / f"{process.rank}.pt")


def train_and_count(data: Path, run: Path) -> tuple[str, int, str]:
    """Train; return the process's rank, how often it embedded, and the encoder's fingerprint."""
    calls, embed = [], plan.embed

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return embed(*arguments)

    plan.embed = counted  # type: ignore[assignment]
    config = replace(QUICK, pairs=6, negatives="nearest", patience=9)
    encoder = train(read_source(data), run, config)
    return os.environ["RANK"], len(calls), encoder.fingerprint()


def kill_often(data: Path, folder: Path, kills: int) -> None:
    """Train once as a whole, and once killed at random moments."""
    crops, draw = read_source(data), random.Random(3)
    config = replace(QUICK, epochs=6, validate="none", save_minutes=0.0)

    def start(out: Path, config: Any, resume: bool = False) -> int:
        process = os.fork()
        if process == 0:
            train(crops, out, config, resume=resume)
            os._exit(0)
        return process

    assert os.waitpid(start(folder / "never", replace(config, save_minutes=9.0)), 0)[1] == 0
    out, resume = folder / "killed", False
    state = out / "state.pt"
    for _ in range(kills):
        before = state.stat().st_mtime_ns if state.exists() else 0
        process = start(out, config, resume)
        while not (state.exists() and state.stat().st_mtime_ns != before):
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.2))
        os.kill(process, signal.SIGKILL)
        ended = os.waitpid(process, 0)[1]
        assert ended == signal.SIGKILL, f"ended with {ended} before it was killed"
        resume = True
    assert os.waitpid(start(out, config, True), 0)[1] == 0
