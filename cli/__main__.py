"""python -m cli: the same as the `easel` command."""

import sys

from cli.main import main

sys.exit(main())
