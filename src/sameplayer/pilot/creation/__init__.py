"""From footage to a pilot: crops, their measurements, and the pairs to label."""
