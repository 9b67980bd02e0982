"""What doors to envmgr have in common: JSON objects and words."""
