"""The life of detections and findings: what is new, what came back, what closed and why. Pure functions of tables."""
