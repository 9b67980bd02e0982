"""What is due, and who does it: from a look at the remotes to one step of one environment."""
