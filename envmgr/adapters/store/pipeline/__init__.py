"""Releases, builds and images on a SQL database."""
