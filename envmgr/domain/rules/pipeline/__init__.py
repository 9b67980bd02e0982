"""Rules of what lies between a commit and production: images, tests."""
