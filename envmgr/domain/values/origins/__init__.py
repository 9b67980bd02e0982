"""What environments come from beside branches that match a pattern."""
