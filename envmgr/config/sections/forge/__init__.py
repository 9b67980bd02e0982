"""What is configured of forges: the one of a repository, previews of its pull requests, and notifications."""
