"""The work on environments."""
