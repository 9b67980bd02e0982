"""Telling others of what happens."""
