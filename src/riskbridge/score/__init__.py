"""QDS for findings and TruRisk for assets: named formulas, every factor stored, every number explained. Pure."""
