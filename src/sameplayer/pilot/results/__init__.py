"""What a pilot found: figures, advice, and its pages."""
