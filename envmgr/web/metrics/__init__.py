"""`/metrics`: the figures of this envmgr as Prometheus takes them."""
