from .config import Run as Run
from .embedding import embed_blocks as embed_blocks
from .reranking import rerank_blocks as rerank_blocks
from .results import read_ranked as read_ranked
from .runners.local import RUNNERS as RUNNERS
