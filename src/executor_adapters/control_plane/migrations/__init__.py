"""How the tables came to be as they are: Alembic's folder. A change of `tables.py` comes with a new version here."""
