"""What is different for each kind of forge: what its calls do to a model, and how it shows that."""
