"""What a person, a token or a comment may ask for; the doors to it are elsewhere."""
