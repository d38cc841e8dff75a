"""The log in the formats of other tools: boxes, timelines and annotated video."""
