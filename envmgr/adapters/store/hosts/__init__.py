"""The hosts that work by one database."""
