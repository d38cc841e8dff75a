"""What waits for a person's decision, and how well stated probabilities held."""
