"""Error rates estimated from labelled pairs, and which pair to label next."""
