"""What people on forges ask for, in comments of pull requests."""
