"""`python -m riskbridge.cli`."""

from riskbridge.cli import main

main()
