"""Cages: what was decided about a child that runs a branch's words, carried out on this host."""
