"""Where people stand as evidence: in two cameras at once, and in one camera one after another."""
