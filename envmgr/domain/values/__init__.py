"""What envmgr speaks of: names, environments, schedules, outcomes."""
