"""The imperative shell: from a look at the remotes to environments that are as their branches say."""
