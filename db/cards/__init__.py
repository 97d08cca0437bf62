"""State of the `cards` context: sellers, their stock, operations, staged exports."""
