"""Registries of images, by the distribution API (version 2)."""
