"""The functional core: names, decisions and gates as pure functions over frozen values."""
