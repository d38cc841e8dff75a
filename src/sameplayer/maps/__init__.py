"""Why two pictures match: heat maps of a similarity, and how faithful they are."""
