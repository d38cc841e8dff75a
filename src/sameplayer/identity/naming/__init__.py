"""Assignment of the roster's players to identities."""
