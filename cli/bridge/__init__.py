"""`bridge ...`: ERP rows to the hub."""
