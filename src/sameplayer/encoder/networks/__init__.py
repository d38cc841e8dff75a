"""Network architectures, the presets that name them, and what describes a network."""
