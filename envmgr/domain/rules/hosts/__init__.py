"""What one host may do beside others."""
