"""Verbs that do all work that is due."""
