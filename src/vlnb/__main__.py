"""`python -m vlnb` is `vlnb`."""

import sys

from vlnb.cli import main

sys.exit(main())
