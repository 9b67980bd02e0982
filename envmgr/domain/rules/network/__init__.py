"""What of the network may be reached, and by which way."""
