"""Verbs that change environments."""
