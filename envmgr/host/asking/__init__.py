"""Asking servers by HTTP: with one time limit over all of it, and only addresses that may be asked."""
