"""PostgreSQL: table definitions, one query module per aggregate, sessions and migrations."""
