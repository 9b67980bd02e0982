"""The door over the network: page and API. Nothing of it is imported where nothing listens."""
