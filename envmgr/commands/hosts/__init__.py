"""Hosts beside each other, for people."""
