"""A pass over a video: shots, camera motion, detection, and resuming a stopped run."""
