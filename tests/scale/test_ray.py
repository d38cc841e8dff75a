"""Ray: a cluster of two nodes on this machine gives the bytes of the local runner."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sameplayer.errors import SettingError, WeightsError
from sameplayer.scale import Run
from sameplayer.scale.jobs import run_job
from sameplayer.scale.storage.store import Store
from tests.scale.toy import Toy


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    nodes = Cluster(True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    nodes.other = nodes.add_node(num_cpus=2)
    yield nodes
    nodes.shutdown()


def test_two_nodes_give_the_bytes_of_one_process_though_a_worker_and_a_node_are_lost(
    cluster: Any, tmp_path: Path
) -> None:
    ray = Run("ray", ray_address=cluster.address)
    plain = Toy(Store(tmp_path / "plain"), 6, tmp_path / "seen plain")
    run_job(plain, Run(workers=1))
    job = Toy(Store(tmp_path / "ray"), 6, tmp_path / "seen", "dies once")
    run_job(job, ray)
    assert job.noted("died") == [2]
    assert _files(tmp_path / "ray") == _files(tmp_path / "plain")

    with pytest.raises(WeightsError, match=r"weights.pth: no such file \(On the Ray node "):
        run_job(Toy(Store(tmp_path / "none"), 1, tmp_path / "none", "no weights"), ray)
    with pytest.raises(SettingError, match=r"workers is 5 of 1 threads .*expected 4 or fewer"):
        run_job(Toy(Store(tmp_path / "many"), 6, tmp_path / "many"), replace(ray, workers=5))

    slow = Toy(Store(tmp_path / "node"), 12, tmp_path / "node", "half a second")
    loss = threading.Thread(target=_lose, args=(cluster, slow))
    loss.start()
    run_job(slow, replace(ray, workers=3))
    loss.join()
    plain = Toy(Store(tmp_path / "twelve"), 12, tmp_path / "twelve")
    run_job(plain, Run(workers=1))
    assert _files(tmp_path / "node") == _files(tmp_path / "twelve")


def _lose(cluster: Any, job: Toy) -> None:
    while len(job.noted("began")) < 3:
        time.sleep(0.05)
    cluster.remove_node(cluster.other, allow_graceful=False)


def _files(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*.parquet"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
