"""Corrupted pictures: blur, noise, occlusion and more, each at graded levels."""
