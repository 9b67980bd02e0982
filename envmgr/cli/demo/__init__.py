"""The walk through the life of two environments that `envmgr demo` shows, and its stage."""
