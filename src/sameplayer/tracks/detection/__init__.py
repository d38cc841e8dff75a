"""People in frames: detectors, and boxes read from files or other packages."""
