from .checkpoints import load_published as load_published
from .encoder import Encoder as Encoder
from .encoder import create_encoder as create_encoder
from .encoder import load_encoder as load_encoder
from .presets import PRESETS as PRESETS
