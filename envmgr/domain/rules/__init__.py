"""Decisions: what a look means, what is due, what a plan must satisfy, and what each event leaves in a record."""
