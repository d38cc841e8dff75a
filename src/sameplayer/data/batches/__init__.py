"""What training reads: augmented pictures in batches of pairs or of tracks."""
