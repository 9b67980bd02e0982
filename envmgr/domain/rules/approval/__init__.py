"""Which plans people have to approve, and whose word counts."""
