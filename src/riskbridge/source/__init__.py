"""The outside: Defender tenants and feeds, read as pages of raw rows."""
