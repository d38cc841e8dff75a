"""What every stage builds on and that knows no player: files, hashes, names, dates, pages."""
