"""Folders of a branch as static sites: what changed is sent to the bucket or container that serves it."""
