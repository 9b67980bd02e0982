"""How the state and cloud adapters are let in, by an organization's own environment variables alone."""
