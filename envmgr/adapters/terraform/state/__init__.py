"""Terraform's data folder and the states that lie in it."""
