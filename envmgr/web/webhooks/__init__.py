"""Webhooks of forges: hints to look sooner, of which nothing else is believed."""
