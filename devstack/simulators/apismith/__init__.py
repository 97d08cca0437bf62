"""APISmith, simulated: a generated ERP of sites, items, orders and order lines, any size, the same for the same seed.

Rows are rendered when they come to be and are served as they are; the control API changes, adds, spoils and removes.
"""
