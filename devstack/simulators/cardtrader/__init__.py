"""A CardTrader of our own: the Full API v2 with seeded sellers of any size, its own books and every known fault.

Judge of the correctness laws, so it shares no code with the client and imports nothing of the service.
"""
