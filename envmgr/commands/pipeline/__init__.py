"""What people say of the way from a commit to production."""
