"""The models: every option with its description and an example."""
