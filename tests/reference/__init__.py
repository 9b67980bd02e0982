"""Writes the reference pages and the drawing of the layers from the code: `python -m tests.reference`."""
