"""Keeping the records within bounds."""
