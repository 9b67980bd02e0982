"""Ways to those who are told of what happens."""
