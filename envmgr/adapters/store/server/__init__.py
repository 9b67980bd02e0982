"""What lies between envmgr and a database server: addresses, poolers, time limits."""
