"""Forges on loopback, served from the extracts of the vendors' own descriptions."""
