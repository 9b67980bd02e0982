"""Bitbucket, which is two forges with one name: the Cloud, and Data Center on somebody's own hosts."""
