"""Provider packages, verified and shared within an organization."""
