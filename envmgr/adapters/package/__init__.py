"""Folders of a branch as zip files: packed here, and sent to what runs them."""
