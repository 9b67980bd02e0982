"""From what is at a remote to what an environment is to have: named environments, the newest tag, promotion."""
