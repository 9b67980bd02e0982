"""Verbs for the first hour."""
