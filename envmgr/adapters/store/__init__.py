"""envmgr's own records in SQLite or PostgreSQL."""
