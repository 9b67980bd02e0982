"""Forges: GitHub, GitLab, Gitea and Forgejo, Bitbucket, Azure DevOps, each behind the same port over one client."""
