"""Options of what lies between a commit and production: builds, checks, approvals, tests, images, named environments."""
