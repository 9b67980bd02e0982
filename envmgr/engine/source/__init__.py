"""What a commit asks for, and the folders in which it runs."""
