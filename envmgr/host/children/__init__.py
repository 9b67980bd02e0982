"""Programs as child processes: start, end, output and the log; no adapter itself, shared by those that run some."""
