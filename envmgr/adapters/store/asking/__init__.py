"""What SQL databases keep of those who ask over the network."""
