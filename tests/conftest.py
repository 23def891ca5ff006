"""What holds for every test."""

import gc

# Expressions are many small objects that live as long as their test; looking through them often is a tenth of the run.
gc.set_threshold(100_000, 20, 20)
