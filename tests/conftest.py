"""What holds for every test."""

import gc

from hypothesis import settings
from tests.examples import EXPLORED, examples

# Expressions are many small objects that live as long as their test; looking through them often is a tenth of the run.
gc.set_threshold(100_000, 20, 20)

# A commit has one answer, today and tomorrow: a law is tried on examples that follow from its text, unless somebody explores.
settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("explore", derandomize=False, max_examples=examples(100), print_blob=True)
settings.load_profile("explore" if EXPLORED else "same")
