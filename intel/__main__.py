"""What does `python -m intel` do? The same as `intel`."""

from intel.cli import main

main()
