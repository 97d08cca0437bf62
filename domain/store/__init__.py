"""Rules of the `store` context: what a shop may do by itself, and how it comes to agree with the central inventory."""
