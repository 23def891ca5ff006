"""The nouns: tables and their columns, data models, connectors, profiles and runs. Standard library only."""
