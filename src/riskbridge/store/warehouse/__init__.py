"""The warehouse: tables of facts with validity by run, written by `publish` alone, in one transaction a run."""
