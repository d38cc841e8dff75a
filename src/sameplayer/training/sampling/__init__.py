"""Which pictures share a batch: pairs, negatives, folds, and their loading."""
