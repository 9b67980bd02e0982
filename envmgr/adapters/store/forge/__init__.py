"""What the database keeps of forges."""
