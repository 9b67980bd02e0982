"""Adapters: each makes one port true with one outside thing, and knows no other adapter."""
