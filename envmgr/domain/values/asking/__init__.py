"""Who asks, by what, and what is asked for."""
