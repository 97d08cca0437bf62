"""FastAPI facade: translates HTTP into rows, signals and workflow starts; holds no state of its own."""
