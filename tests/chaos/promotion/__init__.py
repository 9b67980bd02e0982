"""Lives with approvals: a commit goes to staging, and by a tag, once it was tested and a person said yes, to production."""
