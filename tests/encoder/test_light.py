"""What runs from ONNX files imports no torch: a light install has none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sameplayer.encoder.onnx.export import TOLERANCE
from tests.encoder.onnx_files import tiny_encoder, tiny_file
from tests.numbers.onnx_files import plain_file

WORDS = """
import sys

for name in ("torch", "timm"):
    sys.modules[name] = None  # an import of it fails
import numpy as np
import sameplayer
from sameplayer.numbers import make_reader

pictures = list(np.load("pictures.npz").values())
encoder = sameplayer.load_encoder("tiny.onnx")
np.save("rows.npy", encoder.embed(pictures))
print(encoder, encoder.device, sameplayer.same(pictures[0], pictures[0], encoder).similarity)
print(make_reader("reader.onnx").read(pictures).shape)
"""


def test_an_encoder_and_a_reader_of_onnx_files_run_without_torch(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (high, 30, 3)).astype(np.uint8) for high in (40, 70)]
    np.savez(tmp_path / "pictures.npz", *pictures)
    (tmp_path / "tiny.onnx").write_bytes(tiny_file())
    (tmp_path / "reader.onnx").write_bytes(plain_file())
    command = [sys.executable, "-c", WORDS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("Encoder(tiny, 24 x 16, ")
    assert float(done.stdout.splitlines()[0].split()[-1]) == pytest.approx(1)
    assert done.stdout.splitlines()[1] == "(2, 3)"
    rows = np.load(tmp_path / "rows.npy")
    np.testing.assert_allclose(rows, tiny_encoder().embed(pictures), atol=TOLERANCE)
