"""What changes the world: planning, apply, deploy, health, destroy, drift."""
