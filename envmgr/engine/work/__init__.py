"""The work under one lease: its runs, what it gives way to, its outcome."""
