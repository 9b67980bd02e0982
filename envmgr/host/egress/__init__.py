"""The way out of a cage: a proxy outside of it, and what opens the way to that from inside."""
