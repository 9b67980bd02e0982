"""The only importer of adapters: everything is wired here."""
