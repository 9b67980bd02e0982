"""Verbs that speak to an API elsewhere; imported only where a server is named."""
