"""The process: its life, when remotes are polled, the watches over drift and health, housekeeping."""
