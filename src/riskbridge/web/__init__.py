"""The web page: forms and lists over the same service that the API serves; every page works without a script."""
