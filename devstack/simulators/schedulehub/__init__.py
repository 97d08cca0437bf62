"""ScheduleHub, simulated: records by entity and key, batches whose records fail singly, and books of all that came."""
