"""What is asked of forges, and what becomes of that."""
