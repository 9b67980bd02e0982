"""Rules about forges: where a repository is on one, and what is said and heard there."""
