"""What keeps the home safe: sealed secrets, and one owner at a time."""
