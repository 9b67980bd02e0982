"""What is read and written as documents: claims, bundles, states, plans, owner marks."""
