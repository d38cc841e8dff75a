"""sameplayer tells which pictures show the same player, and why."""

__version__ = "0.1.0"

from sameplayer.data.crops import Crops, check_crops, read_crops
from sameplayer.data.sources import read_source
from sameplayer.data.splits import split_by_person
from sameplayer.encoder.embed import embed
from sameplayer.encoder.embeddings import Embeddings, load_embeddings
from sameplayer.encoder.encoder import Encoder, load_encoder
from sameplayer.evaluation.scores import Scores, evaluate
from sameplayer.explain.score_cam import Explanation, explain
from sameplayer.jersey_number import NumberReading, read_jersey_number
from sameplayer.ranking.fusion import fuse
from sameplayer.ranking.ranking import Ranking, rank
from sameplayer.ranking.rerank import rerank
from sameplayer.training.config import TrainConfig
from sameplayer.training.train import train

__all__ = [
    "Crops",
    "Embeddings",
    "Encoder",
    "Explanation",
    "NumberReading",
    "Ranking",
    "Scores",
    "TrainConfig",
    "check_crops",
    "embed",
    "evaluate",
    "explain",
    "fuse",
    "load_embeddings",
    "load_encoder",
    "rank",
    "read_crops",
    "read_jersey_number",
    "read_source",
    "rerank",
    "split_by_person",
    "train",
]
