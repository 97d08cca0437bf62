"""Side effects, one class per external system or aggregate, dependencies injected by worker.py."""
