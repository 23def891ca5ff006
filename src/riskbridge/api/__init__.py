"""The REST API `/api/v1`: everything the page shows and does, for scripts."""
