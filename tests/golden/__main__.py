"""`python -m tests.golden [--log]` writes what `tests/test_golden.py` compares with."""

import sys

from tests.golden import write

write(log="--log" in sys.argv[1:])
