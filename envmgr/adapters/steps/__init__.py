"""The commands of a branch as child processes: apart from each other, limited, and confined where asked for."""
