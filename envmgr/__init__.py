"""envmgr gives every git branch its own cloud environment and takes it away with the branch."""

__version__ = "0.1.0"
