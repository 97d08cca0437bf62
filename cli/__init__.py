"""The command line: what a person types. Business rules live behind the API, never here."""
