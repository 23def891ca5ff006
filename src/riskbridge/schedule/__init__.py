"""When a profile runs by itself, and where a connector stands. Computes times and states; runs nothing itself."""
