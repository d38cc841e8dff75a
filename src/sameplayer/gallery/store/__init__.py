"""Where a gallery is kept: SQLite or PostgreSQL, and picture files."""
