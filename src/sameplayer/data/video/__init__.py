"""Video files: which stream, which frames at which times, and reading them exactly."""
