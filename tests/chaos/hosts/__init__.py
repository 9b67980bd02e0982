"""Several hosts, each a machine of its own by namespaces, of which any may be killed, stopped, cut off or wiped."""
