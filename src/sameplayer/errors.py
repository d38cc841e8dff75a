"""What can go wrong, as one tree.

    SameplayerError             everything below; the command line prints it and exits with 2
    ├── DataError               a folder, table, picture or name is not as expected
    ├── WeightsError            weights, checkpoints or presets cannot be loaded
    ├── ConfigError             a setting is unknown or out of range
    ├── TrainingError           a run cannot start, or stopped because going on makes no sense
    └── RankingError            features, ids or distances do not fit each other

Every message says what was wrong and where, what was expected and found, and what to do.
"""


class SameplayerError(Exception):
    """The root of every error that a user of the package can cause or mend."""


class DataError(SameplayerError):
    """A folder, table, picture or name is not as expected."""


class WeightsError(SameplayerError):
    """Weights, checkpoints or presets cannot be loaded."""


class ConfigError(SameplayerError):
    """A setting is unknown or out of range."""


class TrainingError(SameplayerError):
    """A training run cannot start, or stopped because going on makes no sense."""


class RankingError(SameplayerError):
    """Features, ids or distances do not fit each other."""
