"""A gallery prepared once, so that a new query is re-ranked exactly in milliseconds."""
