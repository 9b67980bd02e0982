"""What happens while somebody looks: events and logs as they come, read once for however many look on."""
