"""envmgr's command line, and on its last line to standard error the most memory (bytes) that it ever had in RAM.

python -m tests.integration.measured ARGUMENT...
"""

import re
import sys
from pathlib import Path

from envmgr.cli.program import main


def most_memory() -> int:
    """The largest resident memory of this process until now; getrusage would count its parent's too."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.write(f"{most_memory()}\n")
    sys.exit(code)
