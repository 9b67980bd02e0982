"""What lies between a commit and production: what was built of it, tested, released, and which images it is to have."""
