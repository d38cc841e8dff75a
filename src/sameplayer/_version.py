"""The version of the package, which travels with every result."""

__version__ = "0.1.0"
