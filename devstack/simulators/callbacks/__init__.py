"""A receiver of call-backs: answers by rule or as it is told to, and keeps books of what it was sent."""
