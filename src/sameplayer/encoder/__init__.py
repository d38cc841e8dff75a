"""Image towers: presets, published checkpoints, embeddings."""

from sameplayer.encoder.encoder import Encoder, load_encoder

__all__ = ["Encoder", "load_encoder"]
