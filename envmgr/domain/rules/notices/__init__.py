"""What of all that happens somebody is told, and in which words."""
