"""Which source records are one real host: rules, evidence, refusals and the merged asset. Pure."""
