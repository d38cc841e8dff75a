"""The verbs of the command line, by stage: parse, call public functions, show the result."""
