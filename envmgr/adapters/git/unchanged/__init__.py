"""Looks by this process whether a remote says what git said it says; git alone is believed that it says anything else."""
