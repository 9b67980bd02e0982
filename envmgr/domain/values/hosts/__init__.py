"""The hosts that work by the same records."""
