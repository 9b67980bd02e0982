"""What adapters and the work itself share of the host they run on."""
