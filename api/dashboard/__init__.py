"""The dashboard: one page that calls the public API with its reader's token."""
