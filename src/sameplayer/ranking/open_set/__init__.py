"""Open-set identification: likelihood ratios, and the probability of each person or nobody."""
