"""Transform maps: data that says which source field fills which target field, compiled to one expression a stream."""
