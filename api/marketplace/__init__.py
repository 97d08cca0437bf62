"""Routes of the `marketplace` context, mounted below /marketplace."""
