"""What this process keeps in memory of the database."""
