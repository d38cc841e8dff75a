"""A training run: steps, epochs, processes, checkpoints, and the files it leaves."""
