"""What is cleared up after failures: orphan runs, state locks, lost records."""
