"""The engine's ports in this process's memory, held to the contract suites of the real ones."""
