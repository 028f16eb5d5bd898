"""The reference control plane: the six calls of the SaaS API and more, over SQLite, PostgreSQL or MySQL."""
